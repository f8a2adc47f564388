package chunk

import (
	"math/rand/v2"
	"testing"
	"time"
)

// count computes from scratch what an assembler keeps count of.
func (a *Assembler) count(t testing.TB) {
	t.Helper()
	total, listed := 0, 0
	for i := range a.bySeen {
		for e := a.bySeen[i].Front(); e != nil; e = e.Next() {
			m := e.Value.(*assembly)
			listed++
			if a.begun[m.key] != m || m.ranked != i || m.seen != i || m.rank != e {
				t.Fatalf("message in list %d: ranked %d, seen %d", i, m.ranked, m.seen)
			}
		}
	}
	if listed != len(a.begun) || a.byAge.Len() != len(a.begun) {
		t.Fatalf("%d messages, %d by age, %d by seen", len(a.begun), a.byAge.Len(), listed)
	}
	for _, m := range a.begun {
		positions := map[uint8]int{}
		held := len(m.whole) + 9*len(m.again.came)
		for _, p := range m.parts {
			positions[p.seq]++
			held += 64 + len(p.piece)
			if n := positions[p.seq]; n > 2 || m.typ.V1() && n > 1 {
				t.Fatalf("%d variants of a position", n)
			}
		}
		if held != m.held || len(positions) != m.seen {
			t.Fatalf("held %d and seen %d, counted %d and %d", held, len(positions), m.held, m.seen)
		}
		total += 512 + held
	}
	if total != a.bytes {
		t.Fatalf("%d bytes, counted %d", total, a.bytes)
	}
	if total > a.limits.MaxBytes {
		t.Fatalf("%d bytes of %d", total, a.limits.MaxBytes)
	}
}

// CheckBookkeeping feeds an assembler random chunks, so few different ones that they
// complete messages and contradict each other.
func CheckBookkeeping(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	a := NewAssembler(Limits{MaxBytes: 1, MaxAge: time.Second})
	var pool []Chunk
	for token := range uint16(30) {
		head := Chunk{Type: Type(r.IntN(types)), Token: token / 2}
		message := make([]byte, 1+r.IntN(min(1+r.IntN(200)*r.IntN(200), head.Type.MaxMessage())))
		for i := range message {
			message[i] = byte(r.Uint32())
		}
		chunks, err := Cut(head, message)
		if err != nil {
			t.Fatal(err)
		}
		pool = append(pool, chunks...)
		for _, c := range chunks {
			if r.IntN(10) == 0 {
				forged := c
				forged.Data = append([]byte(nil), c.Data...)
				forged.Data[len(forged.Data)-1]++
				pool = append(pool, forged)
			}
		}
	}
	messages := 0
	for i := range 20_000 {
		c := pool[(i/3+r.IntN(20))%len(pool)]
		got, err := a.Add(Source{1, byte(r.IntN(10) / 9)}, c, time.Duration(i)*time.Millisecond*time.Duration(r.IntN(2)), uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		messages += len(got)
		if i%50 == 0 {
			a.count(t)
		}
	}
	a.count(t)
	if messages == 0 {
		t.Errorf("seed %d: no message came", seed)
	}
}

func FuzzAssembler(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte{2, 0, 2, 1, 2, 2, 0x82, 1, 2, 1, 2, 0})
	f.Add([]byte{0, 0, 0x80, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		a := NewAssembler(Limits{MaxBytes: 1})
		for i := 0; i+1 < len(script); i += 2 {
			// a byte for the message and whether this chunk is forged, a byte for the chunk
			typ := Type(script[i] & 7)
			message := make([]byte, 1000)
			message[0] = script[i] >> 3 & 3
			chunks, err := Cut(Chunk{Type: typ}, message)
			if err != nil {
				t.Fatal(err)
			}
			c := chunks[int(script[i+1])%len(chunks)]
			if script[i]&0x80 != 0 {
				c.Data = append([]byte(nil), c.Data...)
				c.Data[len(c.Data)-1] ^= script[i+1]
			}
			got, err := a.Add(Source{}, c, time.Duration(i)*time.Second, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range got {
				if !typ.V1() && DigestOf(m.Bytes) != m.Digest {
					t.Errorf("a message that is not that of its digest")
				}
			}
		}
		a.count(t)
	})
}
