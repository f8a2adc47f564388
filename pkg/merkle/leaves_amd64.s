//go:build !purego

#include "textflag.h"
#include "sha256_amd64.h"

// The rounds of one step, one block in each of the four lanes, leave room for loads and
// shuffles. So the code prepares the words of the next step among the rounds of this
// one, in a second scratch space. The next step is the next block of the same four
// jobs, or the first block of the next four.
//
// Registers, besides those of sha256_amd64.h:
//
//	SI   data
//	DI   dst
//	BP   the next step's scratch space
//	R8   the next step's four jobs: 0 start, 8 size, 12 index; 16 bytes each
//	R13  offset of the next step's block in its message
//	R12  1 if that is 0, else 0
//	R14  table padding
//	DX   0
//	CX   65
//	R9, R10, R11  temporary
//
// The scratch space holds besides:
//
//	1184  R8 and R13 of this step

#define START(lane) (16*lane)(R8)
#define SIZE(lane) (16*lane+8)(R8)
#define NEXT_W(lane, g) (256*lane+16*(g))(BP)
#define JOBS 1184(BX)
#define OFFSET 1192(BX)

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

// CHUNK turns 16 bytes at R9 into group g of the next W, the bytes beyond the message
// replaced by padding, whose place in the table is R10.
#define CHUNK(lane, g) \
	MOVOU  (16*g-1)(R9), X13    \
	MOVOU  (16*g)(R10), X0      \
	PAND   X0, X13              \
	MOVOU  (16*g+144)(R10), X0  \
	POR    X0, X13              \
	PSHUFB X14, X13             \
	MOVO   X13, NEXT_W(lane, g)

// BLOCK fills groups 0 to 3 of a lane's next W, without a branch.
//
// A message is one byte 0x00 and the segment, SIZE bytes altogether, 0x80, zeros and
// the number of bits. A lane whose message has ended reads its last block again, so
// as never to touch what is beyond; its result is not used.
#define BLOCK(lane) \
	MOVL    SIZE(lane), R10      \
	LEAQ    8(R10), R9           \
	ANDQ    $~63, R9             \ // offset of the message's last block
	CMPQ    R9, R13              \
	CMOVQGT R13, R9              \
	ADDQ    SI, R9               \
	ADDQ    START(lane), R9      \ // the block's place, had the prefix not shifted it
	LEAQ    (R10*8), R11         \ // bits
	SUBQ    R13, R10             \ // bytes from here to the message's end
	CMPQ    R10, $55             \
	CMOVQGT DX, R11              \ // the number of bits does not fit in this block
	NEGQ    R10                  \
	ADDQ    $64, R10             \
	CMOVQLT DX, R10              \
	CMPQ    R10, CX              \
	CMOVQGT CX, R10              \
	ADDQ    R14, R10             \
	MOVOU   -1(R9)(R12*1), X13   \ // never before data: the prefix is not there
	MOVOU   (R10)(R12*1), X0     \
	PAND    X0, X13              \
	MOVOU   144(R10)(R12*1), X0  \
	POR     X0, X13              \
	PSHUFB  X15, X13             \
	MOVO    X13, NEXT_W(lane, 0) \
	CHUNK(lane, 1)               \
	CHUNK(lane, 2)               \
	MOVOU   47(R9), X13          \
	MOVOU   48(R10), X0          \
	PAND    X0, X13              \
	MOVOU   192(R10), X0         \
	POR     X0, X13              \
	PSHUFB  X14, X13             \
	MOVQ    R11, X0              \
	PSLLO   $12, X0              \
	POR     X0, X13              \
	MOVO    X13, NEXT_W(lane, 3)

// RESULT writes the lane's state to its place in dst if this was its last block, and
// nowhere else. R9 points to this step's jobs, R14 nowhere.
#define RESULT(lane, s0, s1) \
	MOVL    (16*lane+8)(R9), R10   \
	ADDQ    $8, R10                \
	ANDQ    $~63, R10              \
	MOVL    (16*lane+12)(R9), R11  \
	SHLQ    $5, R11                \
	ADDQ    DI, R11                \
	CMPQ    R10, OFFSET            \
	CMOVQNE R14, R11               \
	DIGEST(s0, s1, (R11), 16(R11))

// func leaves4(dst *Hash, data *byte, jobs *job, groups int)
TEXT ·leaves4(SB), 0, $2424-32
	VZEROUPPER // SSE code is many times slower while other code's AVX values linger
	LEAQ scratch-2416(SP), BX
	ADDQ $15, BX
	ANDQ $~15, BX
	LEAQ 1200(BX), BP
	MOVQ dst+0(FP), DI
	MOVQ data+8(FP), SI
	MOVQ jobs+16(FP), R8
	LEAQ constants<>(SB), AX
	LEAQ padding<>(SB), R14
	MOVO turn<>+0(SB), X14
	MOVO turn<>+16(SB), X15
	MOVQ $65, CX
	XORL DX, DX
	XORL R13, R13
	MOVL $1, R12
	BLOCK(0)
	BLOCK(1)
	BLOCK(2)
	BLOCK(3)

group:
	INITIAL

step:
	XCHGQ BX, BP
	MOVQ  R8, JOBS
	MOVQ  R13, OFFSET
	LEAQ  padding<>(SB), R14

	// Jobs are sorted, the longest first: it decides whether there is another block.
	MOVL SIZE(0), R10
	ADDQ $8, R10
	ANDQ $~63, R10
	CMPQ R13, R10
	JGE  nextgroup
	ADDQ $64, R13
	XORL R12, R12
	MOVO X14, X15
	JMP  rounds

nextgroup:
	XORL    R13, R13
	MOVL    $1, R12
	MOVO    turn<>+16(SB), X15
	LEAQ    64(R8), R9
	DECQ    groups+24(FP)
	CMOVQNE R9, R8            // after the last, prepare it again, for nothing

rounds:
	SAVE(0, X1, X2)
	SAVE(1, X3, X4)
	SAVE(2, X5, X6)
	SAVE(3, X7, X8)
	READY_ALL(0)
	READY_ALL(1)
	READY_ALL(2)
	READY_ALL(3)
	MOVO W(0, 3), X9
	MOVO W(1, 3), X10
	MOVO W(2, 3), X11
	MOVO W(3, 3), X12
	LATER_ALL(4)
	LATER_ALL(5)
	LATER_ALL(6)
	LATER_ALL(7)
	LATER_ALL(8)
	LATER_ALL(9)
	LATER_ALL(10)
	LATER_ALL(11)
	LATER_ALL(12)
	BLOCK(0)
	LATER_ALL(13)
	BLOCK(1)
	LATER_ALL(14)
	BLOCK(2)
	LATER_ALL(15)
	BLOCK(3)
	ADD_SAVED(0, X1, X2)
	ADD_SAVED(1, X3, X4)
	ADD_SAVED(2, X5, X6)
	ADD_SAVED(3, X7, X8)

	// Before the shortest job's last block there is no result.
	MOVQ JOBS, R9
	MOVL (16*3+8)(R9), R10
	ADDQ $8, R10
	ANDQ $~63, R10
	CMPQ R10, OFFSET
	JGT  step
	LEAQ NOWHERE(BX), R14
	RESULT(0, X1, X2)
	RESULT(1, X3, X4)
	RESULT(2, X5, X6)
	RESULT(3, X7, X8)
	TESTL R12, R12
	JZ    step
	CMPQ  groups+24(FP), $0
	JNE   group
	RET
