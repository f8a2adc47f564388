// Four SHA-256 computations side by side, for leaves_amd64.s and nodes_amd64.s.
//
// SHA256RNDS2 does two rounds; each needs the result of the one before, four cycles
// later on Zen and Ice Lake. One computation therefore leaves the unit idle for most
// of the time. Four of them fill it, but would need 24 registers for states and
// message words. So the message words W live in memory, all 64 of them, and only the
// newest group of four stays in a register.
//
// Registers common to both files:
//
//	X0, X13, X15      temporary
//	X1 X2 ... X7 X8   the lanes' states, as SHA256RNDS2 wants them: from the highest
//	                  word down A B E F in the first, C D G H in the second
//	X9 X10 X11 X12    the lanes' newest group of W
//	X14               the shuffle that turns four big-endian words around
//	AX                round constants K
//	BX                scratch space, aligned to 16 bytes:
//
//	   0  W of lane 0, 256 bytes; 256, 512, 768 of lanes 1, 2, 3
//	1024  state of lane 0 before the block, 32 bytes; 1056, 1088, 1120 of the others
//	1152  32 bytes for results nobody wants; 1184 altogether

#define W(lane, g) (256*lane+16*(g))(BX)
#define SAVED(lane) (1024+32*lane)(BX)
#define SAVED_HIGH(lane) (1024+32*lane+16)(BX)
#define NOWHERE 1152

// RNDS4 does rounds 4g to 4g+3 of one lane with X0 = W+K of the group.
#define RNDS4(s0, s1) \
	SHA256RNDS2 X0, s0, s1    \
	PSHUFD      $0x0e, X0, X0 \
	SHA256RNDS2 X0, s1, s0

// READY does rounds 4g to 4g+3 of one lane, whose words W holds already.
#define READY(lane, s0, s1, g) \
	MOVO  W(lane, g), X0   \
	PADDD (16*g)(AX), X0   \
	RNDS4(s0, s1)

// EXTEND computes group g >= 4 of one lane's W (FIPS 180-4, Section 6.2.2, step 1)
//
//	W[t] = σ1(W[t-2]) + W[t-7] + σ0(W[t-15]) + W[t-16]
//
// for the four t from 4g; newest goes from group g-1 to g. SHA256MSG1 adds W[t-16] and
// σ0, the PALIGNR fetches W[t-7], and SHA256MSG2 adds σ1. It leaves the group in X0.
#define EXTEND(lane, newest, g) \
	MOVO       newest, X13           \
	PALIGNR    $4, W(lane, g-2), X13 \
	MOVO       W(lane, g-4), X0      \
	SHA256MSG1 W(lane, g-3), X0      \
	PADDD      X13, X0               \
	SHA256MSG2 newest, X0            \
	MOVO       X0, newest            \
	MOVO       X0, W(lane, g)

// LATER does both.
#define LATER(lane, s0, s1, newest, g) \
	EXTEND(lane, newest, g)   \
	PADDD (16*g)(AX), X0      \
	RNDS4(s0, s1)

#define READY_ALL(g) \
	READY(0, X1, X2, g) \
	READY(1, X3, X4, g) \
	READY(2, X5, X6, g) \
	READY(3, X7, X8, g)

#define EXTEND_ALL(g) \
	EXTEND(0, X9, g)  \
	EXTEND(1, X10, g) \
	EXTEND(2, X11, g) \
	EXTEND(3, X12, g)

#define LATER_ALL(g) \
	LATER(0, X1, X2, X9, g)  \
	LATER(1, X3, X4, X10, g) \
	LATER(2, X5, X6, X11, g) \
	LATER(3, X7, X8, X12, g)

// INITIAL sets all states to the initial value H(0).
#define INITIAL \
	MOVO initial<>+0(SB), X1  \
	MOVO initial<>+16(SB), X2 \
	MOVO X1, X3               \
	MOVO X2, X4               \
	MOVO X1, X5               \
	MOVO X2, X6               \
	MOVO X1, X7               \
	MOVO X2, X8

#define SAVE(lane, s0, s1) \
	MOVO s0, SAVED(lane)      \
	MOVO s1, SAVED_HIGH(lane)

#define ADD_SAVED(lane, s0, s1) \
	PADDD SAVED(lane), s0      \
	PADDD SAVED_HIGH(lane), s1

// DIGEST writes the state, which it leaves alone, in the order A to H, big-endian.
#define DIGEST(s0, s1, low, high) \
	PSHUFD  $0x1b, s0, X15  \ // from the highest word down: F E B A
	PSHUFD  $0xb1, s1, X13  \ // D C H G
	MOVO    X15, X0         \
	PBLENDW $0xf0, X13, X0  \ // D C B A
	PALIGNR $8, X15, X13    \ // H G F E
	PSHUFB  X14, X0         \
	PSHUFB  X14, X13        \
	MOVOU   X0, low         \
	MOVOU   X13, high

// Constants, for both leaves_amd64.s and nodes_amd64.s.

// FIPS 180-4, Section 4.2.2.
DATA constants<>+0(SB)/8, $0x71374491428a2f98
DATA constants<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA constants<>+16(SB)/8, $0x59f111f13956c25b
DATA constants<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA constants<>+32(SB)/8, $0x12835b01d807aa98
DATA constants<>+40(SB)/8, $0x550c7dc3243185be
DATA constants<>+48(SB)/8, $0x80deb1fe72be5d74
DATA constants<>+56(SB)/8, $0xc19bf1749bdc06a7
DATA constants<>+64(SB)/8, $0xefbe4786e49b69c1
DATA constants<>+72(SB)/8, $0x240ca1cc0fc19dc6
DATA constants<>+80(SB)/8, $0x4a7484aa2de92c6f
DATA constants<>+88(SB)/8, $0x76f988da5cb0a9dc
DATA constants<>+96(SB)/8, $0xa831c66d983e5152
DATA constants<>+104(SB)/8, $0xbf597fc7b00327c8
DATA constants<>+112(SB)/8, $0xd5a79147c6e00bf3
DATA constants<>+120(SB)/8, $0x1429296706ca6351
DATA constants<>+128(SB)/8, $0x2e1b213827b70a85
DATA constants<>+136(SB)/8, $0x53380d134d2c6dfc
DATA constants<>+144(SB)/8, $0x766a0abb650a7354
DATA constants<>+152(SB)/8, $0x92722c8581c2c92e
DATA constants<>+160(SB)/8, $0xa81a664ba2bfe8a1
DATA constants<>+168(SB)/8, $0xc76c51a3c24b8b70
DATA constants<>+176(SB)/8, $0xd6990624d192e819
DATA constants<>+184(SB)/8, $0x106aa070f40e3585
DATA constants<>+192(SB)/8, $0x1e376c0819a4c116
DATA constants<>+200(SB)/8, $0x34b0bcb52748774c
DATA constants<>+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA constants<>+216(SB)/8, $0x682e6ff35b9cca4f
DATA constants<>+224(SB)/8, $0x78a5636f748f82ee
DATA constants<>+232(SB)/8, $0x8cc7020884c87814
DATA constants<>+240(SB)/8, $0xa4506ceb90befffa
DATA constants<>+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL constants<>(SB), RODATA|NOPTR, $256

// H(0) of FIPS 180-4, Section 5.3.3, as A B E F and C D G H from the highest word down.
DATA initial<>+0(SB)/8, $0x510e527f9b05688c
DATA initial<>+8(SB)/8, $0x6a09e667bb67ae85
DATA initial<>+16(SB)/8, $0x1f83d9ab5be0cd19
DATA initial<>+24(SB)/8, $0x3c6ef372a54ff53a
GLOBL initial<>(SB), RODATA|NOPTR, $32

// Shuffles from bytes to four big-endian words. The second shifts the bytes up by one
// and puts zero into the first, to make room for a prefix.
DATA turn<>+0(SB)/8, $0x0405060700010203
DATA turn<>+8(SB)/8, $0x0c0d0e0f08090a0b
DATA turn<>+16(SB)/8, $0x0304050680000102
DATA turn<>+24(SB)/8, $0x0b0c0d0e0708090a
GLOBL turn<>(SB), RODATA|NOPTR, $32
