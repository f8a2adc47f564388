//go:build !purego

#include "textflag.h"
#include "sha256_amd64.h"

// 0x01, the prefix of a node, as the first byte of a big-endian word.
DATA prefix<>+0(SB)/8, $0x01000000
DATA prefix<>+8(SB)/8, $0
GLOBL prefix<>(SB), RODATA|NOPTR, $16

// PAIR fills groups 0 to 3 of a lane's W with the prefix and the first 63 of the 64
// bytes of its two hashes.
#define PAIR(lane, newest) \
	MOVOU  (64*lane)(SI), newest    \
	PSHUFB X15, newest              \
	POR    prefix<>(SB), newest     \
	MOVO   newest, W(lane, 0)       \
	MOVOU  (64*lane+15)(SI), newest \
	PSHUFB X14, newest              \
	MOVO   newest, W(lane, 1)       \
	MOVOU  (64*lane+31)(SI), newest \
	PSHUFB X14, newest              \
	MOVO   newest, W(lane, 2)       \
	MOVOU  (64*lane+47)(SI), newest \
	PSHUFB X14, newest              \
	MOVO   newest, W(lane, 3)

// SECOND points row to W+K of the second block, which has only one free byte.
#define SECOND(lane, row) \
	MOVBLZX (64*lane+63)(SI), row \
	SHLQ    $8, row               \
	ADDQ    DX, row

#define TABLE(row, s0, s1, g) \
	MOVOU (16*g)(row), X0 \
	RNDS4(s0, s1)

#define TABLE_ALL(g) \
	TABLE(R8, X1, X2, g)  \
	TABLE(R9, X3, X4, g)  \
	TABLE(R10, X5, X6, g) \
	TABLE(R11, X7, X8, g)

#define FROM_INITIAL(s0, s1) \
	PADDD initial<>+0(SB), s0  \
	PADDD initial<>+16(SB), s1

// func nodes4(dst, src *Hash, groups int, second *[256][64]uint32)
TEXT ·nodes4(SB), 0, $1208-32
	VZEROUPPER // SSE code is many times slower while other code's AVX values linger
	ALIGNED_SCRATCH
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ groups+16(FP), CX
	MOVQ second+24(FP), DX
	LEAQ constants<>(SB), AX
	MOVO turn<>+0(SB), X14

group:
	MOVO turn<>+16(SB), X15
	INITIAL
	PAIR(0, X9)
	PAIR(1, X10)
	PAIR(2, X11)
	PAIR(3, X12)
	SECOND(0, R8)
	SECOND(1, R9)
	SECOND(2, R10)
	SECOND(3, R11)
	ALL_ROUNDS
	FROM_INITIAL(X1, X2)
	FROM_INITIAL(X3, X4)
	FROM_INITIAL(X5, X6)
	FROM_INITIAL(X7, X8)
	SAVE(0, X1, X2)
	SAVE(1, X3, X4)
	SAVE(2, X5, X6)
	SAVE(3, X7, X8)
	TABLE_ALL(0)
	TABLE_ALL(1)
	TABLE_ALL(2)
	TABLE_ALL(3)
	TABLE_ALL(4)
	TABLE_ALL(5)
	TABLE_ALL(6)
	TABLE_ALL(7)
	TABLE_ALL(8)
	TABLE_ALL(9)
	TABLE_ALL(10)
	TABLE_ALL(11)
	TABLE_ALL(12)
	TABLE_ALL(13)
	TABLE_ALL(14)
	TABLE_ALL(15)
	ADD_SAVED(0, X1, X2)
	ADD_SAVED(1, X3, X4)
	ADD_SAVED(2, X5, X6)
	ADD_SAVED(3, X7, X8)

	// All eight hashes have been read: dst may be where src is.
	DIGEST(X1, X2, (DI), 16(DI))
	DIGEST(X3, X4, 32(DI), 48(DI))
	DIGEST(X5, X6, 64(DI), 80(DI))
	DIGEST(X7, X8, 96(DI), 112(DI))
	ADDQ $256, SI
	ADDQ $128, DI
	DECQ CX
	JNZ  group
	RET

// func roundConstants() *[64]uint32
TEXT ·roundConstants(SB), NOSPLIT, $0-8
	LEAQ constants<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET
