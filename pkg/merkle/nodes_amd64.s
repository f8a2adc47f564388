//go:build !purego

#include "textflag.h"
#include "sha256_amd64.h"

// A node is two blocks. The second needs no message schedule, only W+K from a table, so
// its rounds leave room: there the words of the next four nodes' first blocks are
// prepared, down to group 9. (Nothing, groups 0 to 3, to 5, to 7, to 9, to 11 and to 13
// took 33.4, 33.2, 31.8, 30.9, 29.9, 29.8 and 31.2 ns a node on Zen 4.)
//
// Registers, besides those of sha256_amd64.h:
//
//	SI   src: the eight hashes whose words are being prepared
//	DI   dst
//	CX   groups left
//	DX   table of second blocks
//	R8 to R11  rows of it, for the lanes
//	R12  temporary

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
	LEAQ scratch-1200(SP), BX
	ADDQ $15, BX
	ANDQ $~15, BX
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ groups+16(FP), CX
	MOVQ second+24(FP), DX
	LEAQ constants<>(SB), AX
	MOVO turn<>+0(SB), X14
	MOVO turn<>+16(SB), X15
	PAIR(0, X9)
	PAIR(1, X10)
	PAIR(2, X11)
	PAIR(3, X12)
	EXTEND_ALL(4)
	EXTEND_ALL(5)
	EXTEND_ALL(6)
	EXTEND_ALL(7)
	EXTEND_ALL(8)
	EXTEND_ALL(9)

group:
	SECOND(0, R8)
	SECOND(1, R9)
	SECOND(2, R10)
	SECOND(3, R11)
	INITIAL
	READY_ALL(0)
	READY_ALL(1)
	READY_ALL(2)
	READY_ALL(3)
	READY_ALL(4)
	READY_ALL(5)
	READY_ALL(6)
	READY_ALL(7)
	READY_ALL(8)
	READY_ALL(9)
	LATER_ALL(10)
	LATER_ALL(11)
	LATER_ALL(12)
	LATER_ALL(13)
	LATER_ALL(14)
	LATER_ALL(15)
	FROM_INITIAL(X1, X2)
	FROM_INITIAL(X3, X4)
	FROM_INITIAL(X5, X6)
	FROM_INITIAL(X7, X8)
	SAVE(0, X1, X2)
	SAVE(1, X3, X4)
	SAVE(2, X5, X6)
	SAVE(3, X7, X8)

	// The next eight hashes; at the end the same ones again, for nothing.
	LEAQ    256(SI), R12
	CMPQ    CX, $1
	CMOVQGT R12, SI
	TABLE_ALL(0)
	MOVO turn<>+16(SB), X15
	PAIR(0, X9)
	TABLE_ALL(1)
	PAIR(1, X10)
	TABLE_ALL(2)
	PAIR(2, X11)
	TABLE_ALL(3)
	PAIR(3, X12)
	TABLE_ALL(4)
	EXTEND_ALL(4)
	TABLE_ALL(5)
	TABLE_ALL(6)
	EXTEND_ALL(5)
	TABLE_ALL(7)
	TABLE_ALL(8)
	EXTEND_ALL(6)
	TABLE_ALL(9)
	TABLE_ALL(10)
	EXTEND_ALL(7)
	TABLE_ALL(11)
	TABLE_ALL(12)
	EXTEND_ALL(8)
	TABLE_ALL(13)
	TABLE_ALL(14)
	EXTEND_ALL(9)
	TABLE_ALL(15)
	ADD_SAVED(0, X1, X2)
	ADD_SAVED(1, X3, X4)
	ADD_SAVED(2, X5, X6)
	ADD_SAVED(3, X7, X8)

	// dst may be where src is: what is written here has been read before.
	DIGEST(X1, X2, (DI), 16(DI))
	DIGEST(X3, X4, 32(DI), 48(DI))
	DIGEST(X5, X6, 64(DI), 80(DI))
	DIGEST(X7, X8, 96(DI), 112(DI))
	ADDQ $128, DI
	DECQ CX
	JNZ  group
	RET

// func roundConstants() *[64]uint32
TEXT ·roundConstants(SB), NOSPLIT, $0-8
	LEAQ constants<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET
