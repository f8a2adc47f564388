//go:build !purego

#include "textflag.h"
#include "sha256_amd64.h"

// Registers, besides those of sha256_amd64.h:
//
//	SI   data
//	DI   dst
//	R8   the four jobs in hand: 0 start, 8 size, 12 index; 16 bytes each
//	R13  offset of the block in hand in its message
//	R12  1 in the first block, else 0
//	R14  table padding
//	DX   0
//	CX   65
//	R9, R10, R11  temporary

#define START(lane) (16*lane)(R8)
#define SIZE(lane) (16*lane+8)(R8)
#define INDEX(lane) (16*lane+12)(R8)

// padding holds 66 + 64 bytes twice: at 0 the mask, 64 ones and then zeros, and at
// 144 a single 0x80 after 64 zeros. From offset 64-n on, a mask keeps n bytes and the
// 0x80 follows them. Offset 65 gives neither; one more is for the prefix.
DATA padding<>+0(SB)/8, $-1
DATA padding<>+8(SB)/8, $-1
DATA padding<>+16(SB)/8, $-1
DATA padding<>+24(SB)/8, $-1
DATA padding<>+32(SB)/8, $-1
DATA padding<>+40(SB)/8, $-1
DATA padding<>+48(SB)/8, $-1
DATA padding<>+56(SB)/8, $-1
DATA padding<>+208(SB)/8, $0x80
GLOBL padding<>(SB), RODATA|NOPTR, $288

// CHUNK turns 16 bytes at R9 into group g of W, the bytes beyond the message replaced
// by padding, whose place in the table is R10.
#define CHUNK(lane, newest, g) \
	MOVOU  (16*g-1)(R9), newest   \
	MOVOU  (16*g)(R10), X0        \
	PAND   X0, newest             \
	MOVOU  (16*g+144)(R10), X0    \
	POR    X0, newest             \
	PSHUFB X14, newest            \
	MOVO   newest, W(lane, g)

// BLOCK fills groups 0 to 3 of a lane's W from the block at R13, without a branch.
//
// Its message is one byte 0x00 and the segment, SIZE bytes altogether, 0x80, zeros and
// the number of bits. A lane whose message has ended reads its last block again, so
// as never to touch what is beyond; its result is not used.
#define BLOCK(lane, newest) \
	MOVL    SIZE(lane), R10        \
	LEAQ    8(R10), R9             \
	ANDQ    $~63, R9               \ // offset of the message's last block
	CMPQ    R9, R13                \
	CMOVQGT R13, R9                \
	ADDQ    SI, R9                 \
	ADDQ    START(lane), R9        \ // where the block would be, had the prefix not shifted it
	LEAQ    (R10*8), R11           \ // bits
	SUBQ    R13, R10               \ // bytes from here to the message's end
	CMPQ    R10, $55               \
	CMOVQGT DX, R11                \ // the number of bits does not fit in this block
	NEGQ    R10                    \
	ADDQ    $64, R10               \
	CMOVQLT DX, R10                \
	CMPQ    R10, CX                \
	CMOVQGT CX, R10                \
	ADDQ    R14, R10               \
	MOVOU   -1(R9)(R12*1), newest  \ // never before data: the prefix is not there
	MOVOU   (R10)(R12*1), X0       \
	PAND    X0, newest             \
	MOVOU   144(R10)(R12*1), X0    \
	POR     X0, newest             \
	PSHUFB  X15, newest            \
	MOVO    newest, W(lane, 0)     \
	CHUNK(lane, newest, 1)         \
	CHUNK(lane, newest, 2)         \
	MOVQ    R11, X13               \
	PSLLO   $12, X13               \
	MOVOU   47(R9), newest         \
	MOVOU   48(R10), X0            \
	PAND    X0, newest             \
	MOVOU   192(R10), X0           \
	POR     X0, newest             \
	PSHUFB  X14, newest            \
	POR     X13, newest            \
	MOVO    newest, W(lane, 3)

// RESULT writes the lane's state to its place in dst if this was its last block.
#define RESULT(lane, s0, s1) \
	MOVL    SIZE(lane), R10    \
	ADDQ    $8, R10            \
	ANDQ    $~63, R10          \
	MOVL    INDEX(lane), R11   \
	SHLQ    $5, R11            \
	ADDQ    DI, R11            \
	LEAQ    NOWHERE(BX), R9    \
	CMPQ    R10, R13           \
	CMOVQNE R9, R11            \
	DIGEST(s0, s1, (R11), 16(R11))

// func leaves4(dst *Hash, data *byte, jobs *job, groups int)
TEXT ·leaves4(SB), 0, $1208-32
	VZEROUPPER // SSE code is many times slower while other code's AVX values linger
	ALIGNED_SCRATCH
	MOVQ dst+0(FP), DI
	MOVQ data+8(FP), SI
	MOVQ jobs+16(FP), R8
	LEAQ constants<>(SB), AX
	LEAQ padding<>(SB), R14
	MOVO turn<>+0(SB), X14
	MOVQ $65, CX
	XORL DX, DX

group:
	INITIAL
	XORL R13, R13
	MOVL $1, R12
	MOVO turn<>+16(SB), X15

block:
	SAVE(0, X1, X2)
	SAVE(1, X3, X4)
	SAVE(2, X5, X6)
	SAVE(3, X7, X8)
	BLOCK(0, X9)
	BLOCK(1, X10)
	BLOCK(2, X11)
	BLOCK(3, X12)
	ALL_ROUNDS
	ADD_SAVED(0, X1, X2)
	ADD_SAVED(1, X3, X4)
	ADD_SAVED(2, X5, X6)
	ADD_SAVED(3, X7, X8)

	// Jobs are sorted, the longest first: before the shortest's last block there is
	// no result, after the longest's nothing to do.
	MOVL SIZE(3), R10
	ADDQ $8, R10
	ANDQ $~63, R10
	CMPQ R13, R10
	JLT  next
	RESULT(0, X1, X2)
	RESULT(1, X3, X4)
	RESULT(2, X5, X6)
	RESULT(3, X7, X8)

next:
	MOVL SIZE(0), R10
	ADDQ $8, R10
	ANDQ $~63, R10
	ADDQ $64, R13
	XORL R12, R12
	MOVO X14, X15
	CMPQ R13, R10
	JLE  block
	ADDQ $64, R8
	DECQ groups+24(FP)
	JNZ  group
	RET
