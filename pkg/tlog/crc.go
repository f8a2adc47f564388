package tlog

import (
	"encoding/binary"
	"sync"
)

// The checksum is CRC-16/MCRF4XX: polynomial x^16 + x^12 + x^5 + 1 reflected, initial
// value 0xFFFF, no final inversion.

// crcTable holds the checksum of each byte from 0.
var crcTable = func() (t [256]uint16) {
	for i := range t {
		t[i] = step(0, uint64(i)<<56)
	}
	return t
}()

// checksum returns the checksum of p, which must have at least 8 bytes, from the initial
// value. The steps end with p, so the first one takes what is left over, 1 to 8 bytes,
// behind zeros, which do not change a checksum of 0. So that it can be 0, the initial
// value is added to the first two bytes instead. There is no branch on the length but
// the loop's: lengths vary from record to record, and each guess that fails costs more
// than a step.
func checksum(p []byte) uint16 {
	n := uint(len(p)-1)%8 + 1
	c := step(0, (binary.LittleEndian.Uint64(p)^0xFFFF)<<((64-8*n)%64))
	c ^= uint16((int(n)-2)>>8) & 0xFF // of 1 byte, the initial value's second one stays
	for p = p[n:]; len(p) >= 8; p = p[8:] {
		c = step(c, binary.LittleEndian.Uint64(p))
	}
	return c
}

// step continues c over the eight bytes of x, the first one lowest.
//
// With bit 0 for the highest power, as in a reflected checksum, the polynomial is
// 1 + u for u = 1<<4 + 1<<11 + 1<<16, and dividing x by it from the low end is
// multiplying by its inverse modulo 1<<64, without carries. Over two elements
// 1/(1+u) = (1+u)(1+u^2)(1+u^4)(1+u^8), for u^16 is 0 there; each factor is a few
// shifts. What the quotient times 1+u has above bit 63 is the remainder. Tables
// ("slicing by 8") were no faster here, and cost 4 KB of cache.
func step(c uint16, x uint64) uint16 {
	x ^= uint64(c)
	x ^= x<<4 ^ x<<11 ^ x<<16
	x ^= x<<8 ^ x<<22 ^ x<<32
	x ^= x<<16 ^ x<<44
	x ^= x << 32
	return uint16(x>>60 ^ x>>53 ^ x>>48)
}

// checksumShort returns the checksum of any number of bytes.
func checksumShort(p []byte) uint16 {
	c := uint16(0xFFFF)
	for _, b := range p {
		c = c>>8 ^ crcTable[byte(c)^b]
	}
	return c
}

// Seeds holds, by message id, the seed (mavgen's CRC_EXTRA) that ends each
// frame's checksum. It is safe for concurrent use.
type Seeds struct {
	low  [1 << 16]uint16 // seed | known; MAVLink gives out few ids above
	high map[uint32]byte

	load func() // has the table filled; nil if it is
}

const known = 0x100

// NewSeeds returns a table of the given seeds by message id.
func NewSeeds(byID map[uint32]byte) *Seeds {
	s := new(Seeds)
	s.set(byID)
	return s
}

// SeedsFrom returns a table of the seeds by message id that load returns. load is
// called once, when the first scanner is made or the first frame checked: all messages
// of MAVLink are a lot to load for who may only compare logs with their seals.
func SeedsFrom(load func() map[uint32]byte) *Seeds {
	s := new(Seeds)
	s.load = sync.OnceFunc(func() { s.set(load()) })
	return s
}

func (s *Seeds) set(byID map[uint32]byte) {
	s.high = make(map[uint32]byte)
	for id, seed := range byID {
		if id < uint32(len(s.low)) {
			s.low[id] = known | uint16(seed)
		} else {
			s.high[id] = seed
		}
	}
}

// ready waits until the seeds are there.
func (s *Seeds) ready() {
	if s.load != nil {
		s.load()
	}
}

type Check uint8

const (
	Unknown Check = iota // the message id has no seed: nothing can be said
	Bad                  // the checksum does not hold
	OK                   // the checksum holds
)

// String returns "unknown id", "bad checksum" or "ok".
func (c Check) String() string {
	switch c {
	case OK:
		return "ok"
	case Bad:
		return "bad checksum"
	}
	return "unknown id"
}

// Check checks the checksum of a well-formed frame.
func (s *Seeds) Check(f Frame) Check {
	s.ready()
	return s.check(f)
}

// check is Check once the seeds are ready.
func (s *Seeds) check(f Frame) Check {
	var id uint32
	end := int(f[1])
	if f[0] == magicV1 {
		id, end = uint32(f[5]), end+headerV1
	} else {
		id, end = uint32(f[7])|uint32(f[8])<<8|uint32(f[9])<<16, end+headerV2
	}
	var seed uint16
	if id < uint32(len(s.low)) {
		seed = s.low[id]
	} else if k, ok := s.high[id]; ok {
		seed = known | uint16(k)
	}
	if seed == 0 {
		return Unknown
	}
	p := f[1:end]
	if len(p) < 8 {
		return checkIs(checksumShort(p), seed, f[end:])
	}
	return checkIs(checksum(p), seed, f[end:])
}

// checkIs ends a checksum with the seed and compares it with the frame's.
func checkIs(c, seed uint16, field []byte) Check {
	c = c>>8 ^ crcTable[byte(c)^byte(seed)]
	if c != binary.LittleEndian.Uint16(field) {
		return Bad
	}
	return OK
}
