package figures

import (
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"fmt"

	"cqkit/pkg/aead"
	"cqkit/pkg/bench"
	"cqkit/pkg/keccak"
)

// sizes are lengths of packets: of a short MAVLink frame, of usual ones, and of the longest.
var sizes = []int{20, 50, 100, 280}

// burst is how many packets are given at once to what takes four at a time.
const burst = 64

// tags are HMAC-SHA3-256 of packets, one and four at a time, and ChaCha20-Poly1305. CleitonQ publishes a tag and a check of
// 100 bytes.
func tags(s *Set) {
	h := keccak.NewHMAC(make([]byte, 32))
	for _, size := range sizes {
		message := make([]byte, size)
		f := Figure{Contender: bench.Contender{Name: fmt.Sprintf("hmac/%d", size), Bytes: float64(size), Func: times(func() { h.Tag(message) })}}
		if size == 100 {
			f.Published = cleitonq(2.50, 1.10)
		}
		s.add(f)
	}
	for _, size := range sizes {
		messages, tags := packets(size), make([][keccak.Size]byte, burst)
		// An operation is a packet, so batches are whole calls.
		f := Figure{Contender: bench.Contender{Name: fmt.Sprintf("hmac4/%d", size), Bytes: float64(size), Passes: burst, Func: func(n int) {
			for range n / burst {
				h.TagAll(tags, messages)
			}
		}}}
		if size == 100 {
			f.Published = cleitonq(2.50, 1.10)
		}
		s.add(f)
	}
	checks(s, h)
	seals(s)
}

func packets(size int) [][]byte {
	list := make([][]byte, burst)
	for i := range list {
		list[i] = make([]byte, size)
	}
	return list
}

// checks are those of tags, of 100 bytes.
func checks(s *Set, h *keccak.HMAC) {
	const size = 100
	messages, tags, ok := packets(size), make([][]byte, burst), make([]bool, burst)
	for i := range tags {
		tag := h.Tag(messages[i])
		tags[i] = tag[:]
	}
	s.add(Figure{Contender: bench.Contender{Name: "hmac-verify/100", Bytes: size, Func: times(func() {
		if !h.Verify(messages[0], tags[0]) {
			panic("a tag is not what it was")
		}
	})}, Published: cleitonq(2.37, 1.12)})
	s.add(Figure{Contender: bench.Contender{Name: "hmac4-verify/100", Bytes: size, Passes: burst, Func: func(n int) {
		for range n / burst {
			if h.VerifyAll(ok, messages, tags); !ok[burst-1] {
				panic("a tag is not what it was")
			}
		}
	}}, Published: cleitonq(2.37, 1.12)})
}

// seals are ChaCha20-Poly1305.
func seals(s *Set) {
	k := aead.New(new([aead.KeySize]byte), 1)
	aad := make([]byte, 8)
	room := make([]byte, 0, sizes[len(sizes)-1]+aead.Overhead)
	for _, size := range sizes {
		plain := make([]byte, size)
		sealed := k.Seal(nil, 1, aad, plain)
		counter := uint64(1)
		s.add(Figure{Contender: bench.Contender{Name: fmt.Sprintf("aead/seal-%d", size), Bytes: float64(size), Func: times(func() {
			counter++
			k.Seal(room, counter, aad, plain)
		})}})
		s.add(Figure{Contender: bench.Contender{Name: fmt.Sprintf("aead/open-%d", size), Bytes: float64(size), Func: times(func() { must(k.Open(room, 1, aad, sealed)) })}})
	}
}

// hashes are hashes in bulk, 64 KiB at a time, and of a record of a log.
func hashes(s *Set) {
	for _, h := range []struct {
		name string
		sum  func([]byte)
	}{
		{"sha256", func(b []byte) { sha256.Sum256(b) }},
		{"sha384", func(b []byte) { sha512.Sum384(b) }},
		{"sha3-256", func(b []byte) { sha3.Sum256(b) }},
	} {
		for _, size := range []struct {
			name  string
			bytes int
		}{{"bulk", 64 << 10}, {"record", 48}} {
			data := make([]byte, size.bytes)
			s.add(Figure{Contender: bench.Contender{Name: h.name + "/" + size.name, Bytes: float64(size.bytes), Func: times(func() { h.sum(data) })}})
		}
	}
}
