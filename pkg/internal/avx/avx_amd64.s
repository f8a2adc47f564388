#include "textflag.h"

// func clearUpper()
TEXT ·clearUpper(SB), NOSPLIT, $0-0
	VZEROUPPER
	RET

// func inUse() (bitmap uint32, ok bool)
TEXT ·inUse(SB), NOSPLIT, $0-5
	MOVL $0xd, AX
	MOVL $1, CX
	CPUID
	MOVL $0, bitmap+0(FP)
	MOVB $0, ok+4(FP)
	ANDL $4, AX  // XGETBV with ECX = 1
	JEQ  no
	MOVL $1, CX
	XGETBV
	MOVL AX, bitmap+0(FP)
	MOVB $1, ok+4(FP)

no:
	RET
