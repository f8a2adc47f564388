package chunk_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cqkit/pkg/chunk"
)

var from = chunk.Source{System: 255, Component: 190}

func cut(t testing.TB, typ chunk.Type, token uint16, message []byte) []chunk.Chunk {
	t.Helper()
	chunks, err := chunk.Cut(chunk.Chunk{Type: typ, Token: token, TargetSystem: 1}, message)
	if err != nil {
		t.Fatal(err)
	}
	return chunks
}

// feed adds chunks in the order given, a millisecond apart, and returns what came of them.
func feed(t testing.TB, a *chunk.Assembler, start time.Duration, chunks []chunk.Chunk) []chunk.Message {
	t.Helper()
	var all []chunk.Message
	for i, c := range chunks {
		got, err := a.Add(from, c, start+time.Duration(i)*time.Millisecond, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, got...)
	}
	return all
}

// TestAnyOrder puts messages together whose chunks were shuffled, repeated and mixed.
func TestAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, typ := range []chunk.Type{chunk.SignedCommand, chunk.Command, chunk.Note} {
		for range 50 {
			var stream []chunk.Chunk
			want := map[string]bool{}
			for token := range uint16(5) {
				message := random(1+r.IntN(typ.MaxMessage()/(1+r.IntN(200))), r.Uint64())
				want[string(message)] = true
				for _, c := range cut(t, typ, token, message) {
					for range 1 + r.IntN(2) {
						stream = append(stream, c)
					}
				}
			}
			r.Shuffle(len(stream), func(i, j int) { stream[i], stream[j] = stream[j], stream[i] })
			a := chunk.NewAssembler(chunk.Limits{})
			for _, m := range feed(t, a, 0, stream) {
				if m.Repeat {
					continue // by chance, each chunk came twice
				}
				if !want[string(m.Bytes)] {
					t.Fatalf("%v: a message of %d bytes that nobody sent, or sent once and came twice", typ, len(m.Bytes))
				}
				delete(want, string(m.Bytes))
				for i, ref := range m.Refs {
					if c := stream[ref]; int(c.Seq) != i || c.Token != m.Token {
						t.Fatalf("%v: part %d of the message is chunk %d of %d", typ, i, c.Seq, c.Token)
					}
				}
			}
			if len(want) > 0 {
				t.Fatalf("%v: %d of 5 messages did not come", typ, len(want))
			}
			if typ.V1() { // a repeated chunk after the message may be the beginning of another
				continue
			}
			if p := a.Pending(); len(p) > 0 {
				t.Fatalf("%v: pending %v", typ, p)
			}
		}
	}
}

func TestLostChunk(t *testing.T) {
	message := random(4800, 3)
	chunks := cut(t, chunk.Command, 7, message)
	for lost := range chunks {
		a := chunk.NewAssembler(chunk.Limits{})
		if got := feed(t, a, 0, slices.Delete(slices.Clone(chunks), lost, lost+1)); len(got) > 0 {
			t.Fatalf("without chunk %d: %d messages", lost, len(got))
		}
		p := a.Pending()
		if len(p) != 1 || p[0].Seen != len(chunks)-1 || p[0].Count != len(chunks) || p[0].Digest != chunk.DigestOf(message) ||
			p[0].Token != 7 || p[0].Source != from || p[0].TargetSystem != 1 || len(p[0].Refs) != p[0].Seen || p[0].Spoiled {
			t.Fatalf("without chunk %d: pending %+v", lost, p)
		}
	}
}

// TestRepeat sends a message twice: the second time it is a repeat, unless a part of it only
// came again, or it came again too late to be known.
func TestRepeat(t *testing.T) {
	for _, typ := range []chunk.Type{chunk.SignedCommand, chunk.Anchor} {
		message := random(4800, 3)
		chunks := cut(t, typ, 7, message)
		a := chunk.NewAssembler(chunk.Limits{MaxAge: time.Minute})
		var got []bool
		add := func(start time.Duration, c []chunk.Chunk) {
			for _, m := range feed(t, a, start, c) {
				if !bytes.Equal(m.Bytes, message) {
					t.Fatalf("%v: another message", typ)
				}
				got = append(got, m.Repeat)
			}
		}
		add(0, chunks)
		add(time.Second, chunks[5:])
		add(2*time.Second, chunks[:6])
		add(3*time.Second, chunks[3:4])
		add(time.Hour, chunks)
		if !slices.Equal(got, []bool{false, true, false}) {
			t.Errorf("%v: got repeats %v, want none, one, none", typ, got)
		}
		if p := a.Pending(); len(p) > 0 {
			t.Errorf("%v: pending %+v", typ, p)
		}
	}
}

// TestKeysApart changes one thing that chunks of a message have in common, in one of
// them: it is then no part of it.
func TestKeysApart(t *testing.T) {
	chunks := cut(t, chunk.Command, 7, random(1000, 3))
	for name, change := range map[string]func(*chunk.Chunk, *chunk.Source){
		"system":           func(_ *chunk.Chunk, s *chunk.Source) { s.System++ },
		"component":        func(_ *chunk.Chunk, s *chunk.Source) { s.Component++ },
		"token":            func(c *chunk.Chunk, _ *chunk.Source) { c.Token++ },
		"type":             func(c *chunk.Chunk, _ *chunk.Source) { c.Type++ },
		"target system":    func(c *chunk.Chunk, _ *chunk.Source) { c.TargetSystem++ },
		"target component": func(c *chunk.Chunk, _ *chunk.Source) { c.TargetComponent++ },
		"count":            func(c *chunk.Chunk, _ *chunk.Source) { c.Count++ },
		"digest":           func(c *chunk.Chunk, _ *chunk.Source) { c.Data = bytes.Clone(c.Data); c.Data[3] ^= 1 },
	} {
		a := chunk.NewAssembler(chunk.Limits{})
		for i, c := range chunks {
			s := from
			if i == 2 {
				change(&c, &s)
			}
			got, err := a.Add(s, c, 0, 0)
			if err != nil || len(got) > 0 {
				t.Fatalf("%s: %d messages, %v", name, len(got), err)
			}
		}
		if p := a.Pending(); len(p) != 2 {
			t.Errorf("%s: %d pending, want 2", name, len(p))
		}
	}
}

// TestVariants is an attacker who sees each chunk before the receiver does and sends up
// to two of his own in its place, before or after it, at some positions.
func TestVariants(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	message := random(4800, 5)
	chunks := cut(t, chunk.Command, 7, message)
	came, spoiled := 0, 0
	for range 400 {
		before, after, blocked := 0, 0, false
		var stream []chunk.Chunk
		bad := func(c chunk.Chunk) {
			c.Data = bytes.Clone(c.Data)
			c.Data[chunk.DigestSize+r.IntN(len(c.Data)-chunk.DigestSize)] ^= byte(1 + r.IntN(255))
			stream = append(stream, c)
		}
		share := r.IntN(5)
		for _, c := range chunks {
			attacked := r.IntN(10) < share
			if attacked && r.IntN(2) == 0 {
				before++
				bad(c)
				if r.IntN(30) == 0 {
					blocked = true
					bad(c)
				}
			}
			stream = append(stream, c)
			if attacked && r.IntN(2) == 0 {
				after++
				bad(c)
			}
		}
		a := chunk.NewAssembler(chunk.Limits{})
		got := feed(t, a, 0, stream)
		for _, m := range got {
			if !bytes.Equal(m.Bytes, message) || m.Repeat {
				t.Fatal("an attacker's message, or the genuine one twice")
			}
		}
		if before+after <= 6 && !blocked && len(got) != 1 {
			t.Fatalf("%d variants before, %d after: no message", before, after)
		}
		if len(got) == 0 {
			spoiled++
			if p := a.Pending(); len(p) != 1 || p[0].Seen != len(chunks) {
				t.Fatalf("spoiled: pending %+v", p)
			}
		} else {
			came++
		}
	}
	if came < 100 || spoiled < 20 {
		t.Errorf("%d messages came and %d were spoiled: the attacks are not what they were", came, spoiled)
	}
}

// TestCombinations has six and seven positions forged before the genuine chunks come: the
// first is found, with the combinations in the worst order, the second is given up.
func TestCombinations(t *testing.T) {
	message := random(4800, 5)
	chunks := cut(t, chunk.Command, 7, message)
	for _, forged := range []int{6, 7} {
		var stream []chunk.Chunk
		for _, c := range chunks[:forged] {
			c.Data = bytes.Clone(c.Data)
			c.Data[100] ^= 1
			stream = append(stream, c)
		}
		stream = append(stream, chunks...)
		a := chunk.NewAssembler(chunk.Limits{})
		got := feed(t, a, 0, stream)
		p := a.Pending()
		if forged == 6 && len(got) != 1 {
			t.Errorf("6 positions forged: %d messages", len(got))
		}
		if forged == 7 && (len(got) != 0 || len(p) != 1 || !p[0].Spoiled) {
			t.Errorf("7 positions forged: %d messages, pending %+v", len(got), p)
		}
	}
}

// TestV1 shows what a message without digest survives and what it does not.
func TestV1(t *testing.T) {
	first, second := random(4681, 1), random(4681, 2)
	a, b := cut(t, chunk.SignedCommand, 7, first), cut(t, chunk.SignedCommand, 7, second)
	junk := a[5]
	junk.Data = random(len(junk.Data), 9)
	for _, c := range []struct {
		name   string
		stream []chunk.Chunk
		want   [][]byte
	}{
		{"two messages, one token", slices.Concat(a, b), [][]byte{first, second}},
		{"a late repeat between them", slices.Concat(a, a[19:], b), [][]byte{first, second}},
		{"a chunk of the first lost", slices.Concat(a[:7], a[8:], b), [][]byte{second}},
		{"a forged chunk behind the genuine one", slices.Concat(a[:8], []chunk.Chunk{junk}, a[8:]), nil},
		{"a forged chunk, and the message twice again", slices.Concat(a[:8], []chunk.Chunk{junk}, a[8:], a, a), [][]byte{first}},
		{"a forged chunk after the message", slices.Concat(a, []chunk.Chunk{junk}, b), [][]byte{first}},
	} {
		got := feed(t, chunk.NewAssembler(chunk.Limits{}), 0, c.stream)
		same := len(got) == len(c.want)
		for i := range got {
			same = same && bytes.Equal(got[i].Bytes, c.want[i]) && !got[i].Repeat
		}
		if !same {
			t.Errorf("%s: got %d messages", c.name, len(got))
		}
	}
	// With a chunk lost, a forged one takes its place: this is what the digest is for.
	got := feed(t, chunk.NewAssembler(chunk.Limits{}), 0, slices.Concat(a[:5], []chunk.Chunk{junk}, a[6:]))
	if len(got) != 1 || bytes.Equal(got[0].Bytes, first) {
		t.Errorf("a forged chunk in place of a lost one: %d messages", len(got))
	}
}

func TestAge(t *testing.T) {
	var dropped []chunk.Partial
	a := chunk.NewAssembler(chunk.Limits{MaxAge: time.Minute, Dropped: func(p chunk.Partial) { dropped = append(dropped, p) }})
	chunks := cut(t, chunk.Command, 7, random(700, 1))
	other := cut(t, chunk.Command, 8, random(700, 2))
	add := func(c chunk.Chunk, now time.Duration, want int) {
		t.Helper()
		got, err := a.Add(from, c, now, 1)
		if err != nil || len(got) != want {
			t.Errorf("at %v: %d messages, %v", now, len(got), err)
		}
	}
	// slow, but each chunk within the minute; a step back changes nothing
	add(chunks[0], 10*time.Minute, 0)
	add(chunks[0], 10*time.Minute+50*time.Second, 0) // a repeat does not count
	add(chunks[1], 10*time.Minute+60*time.Second, 0)
	add(chunks[1], 5*time.Minute, 0)
	add(chunks[2], 5*time.Minute+60*time.Second, 0)
	add(chunks[3], 7*time.Minute, 1)
	// too slow
	add(other[0], 8*time.Minute, 0)
	add(other[1], 9*time.Minute+time.Nanosecond, 0)
	if len(dropped) != 1 || dropped[0].Token != 8 || dropped[0].Seen != 1 || dropped[0].Count != 4 {
		t.Errorf("dropped %+v", dropped)
	}
	// the extremes of a clock, forth and back
	for i, now := range []time.Duration{-1 << 63, 1<<63 - 1, -1 << 63, 1<<63 - 1, 0} {
		add(other[i%2], now, 0)
	}
	if len(a.Pending()) != 1 {
		t.Errorf("pending %+v", a.Pending())
	}
}

// TestFlood begins messages without end: what is held stays within bounds, by the
// package's count, and a message that comes while they are begun is put together.
func TestFlood(t *testing.T) {
	dropped := 0
	a := chunk.NewAssembler(chunk.Limits{MaxBytes: 300 << 10, Dropped: func(chunk.Partial) { dropped++ }})
	chunks := cut(t, chunk.Command, 7, random(4800, 1))
	flood := cut(t, chunk.Note, 7, random(58395, 2))[3]
	r := rand.New(rand.NewPCG(5, 6))
	messages := 0
	for i := range 20_000 {
		for j := range chunk.DigestSize {
			flood.Data[j] = byte(r.Uint32())
		}
		flood.Token = uint16(i)
		if _, err := a.Add(from, flood, time.Duration(i)*time.Microsecond, 0); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 && i/100 < len(chunks) { // 100 forged chunks for each genuine one
			got, err := a.Add(from, chunks[i/100], time.Duration(i)*time.Microsecond, 0)
			if err != nil {
				t.Fatal(err)
			}
			messages += len(got)
		}
	}
	held := len(a.Pending())
	// 20 % of 300 KiB are spared for the message that came
	if most := 300 << 10 / (512 + 64 + 229); held > most || held < most*8/10 {
		t.Errorf("%d messages are held, more or far fewer than %d", held, most)
	}
	if messages != 1 || dropped != 20_000-held {
		t.Errorf("%d messages came; %d dropped, %d held", messages, dropped, held)
	}
}

// TestBookkeeping sends anything at all and compares the memory held, by the
// package's count, with a count from outside.
func TestBookkeeping(t *testing.T) {
	for seed := range uint64(30) {
		chunk.CheckBookkeeping(t, seed)
	}
}

func BenchmarkAssemble(b *testing.B) {
	for _, typ := range []chunk.Type{chunk.SignedCommand, chunk.Command} {
		b.Run(fmt.Sprintf("v%d", 1+min(1, int(typ))), func(b *testing.B) {
			chunks := cut(b, typ, 7, random(4800, 1))
			a := chunk.NewAssembler(chunk.Limits{})
			b.ReportAllocs()
			b.SetBytes(4800)
			token := uint16(0)
			for b.Loop() {
				token++
				for i := range chunks {
					chunks[i].Token = token
					if _, err := a.Add(from, chunks[i], 0, 0); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
