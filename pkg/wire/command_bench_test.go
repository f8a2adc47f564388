package wire

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
)

// commandsToTime are commands with their statements, messages and signatures.
func commandsToTime(b *testing.B, n int) (key *pqsig.PrivateKey, list []*Command, statements, messages [][]byte) {
	key = newKey(b, 1)
	for i := range n {
		c := CommandOf(makeFrame(byte(i), 255, 190, commandID(i), commandPayload(i)))
		c.Signer, c.Receiver, c.Session, c.Nonce = FingerprintOf(key.Public()), Fingerprint{1}, SessionID{1}, uint64(i+1)
		m, err := c.Sign(deterministic{key})
		if err != nil {
			b.Fatal(err)
		}
		list, statements, messages = append(list, &c), append(statements, spelled(b, &c)), append(messages, m)
	}
	return key, list, statements, messages
}

// interleave times two ways to do the same in turn, each first as often as the other, and
// reports the medians and their ratio.
func interleave(b *testing.B, n int, ours, alone func(i int)) {
	var a, c []float64
	timed := func(f func(int), i int) float64 {
		start := time.Now()
		f(i)
		return float64(time.Since(start).Nanoseconds())
	}
	round := 0
	for b.Loop() {
		for i := range n {
			if (i+round)%2 == 0 {
				a = append(a, timed(ours, i))
				c = append(c, timed(alone, i))
			} else {
				c = append(c, timed(alone, i))
				a = append(a, timed(ours, i))
			}
		}
		round++
	}
	slices.Sort(a)
	slices.Sort(c)
	b.ReportMetric(a[len(a)/2], "ns/command")
	b.ReportMetric(c[len(c)/2], "ns/pqsig")
	b.ReportMetric(a[len(a)/2]/c[len(c)/2], "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSignCommand times signing against pqsig alone, on the same statements and
// without fresh randomness, so that both try as often.
func BenchmarkSignCommand(b *testing.B) {
	key, list, statements, _ := commandsToTime(b, 64)
	interleave(b, len(list), func(i int) {
		if _, err := list[i].Sign(deterministic{key}); err != nil {
			b.Fatal(err)
		}
	}, func(i int) {
		if _, err := key.SignDeterministic(statements[i], contextCommand); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkVerifyCommand times parsing and verifying against pqsig alone.
func BenchmarkVerifyCommand(b *testing.B) {
	key, list, statements, messages := commandsToTime(b, 64)
	public := key.Public()
	keys := Keys(public)
	interleave(b, len(list), func(i int) {
		if _, err := VerifyCommand(messages[i], keys); err != nil {
			b.Fatal(err)
		}
	}, func(i int) {
		if err := public.Verify(statements[i], contextCommand, messages[i][len(statements[i]):]); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkReceive times all that a receiver does, from the frames of the chunks to the
// command, against the verification alone.
func BenchmarkReceive(b *testing.B) {
	key, list, statements, messages := commandsToTime(b, 64)
	public := key.Public()
	var frames [][][]byte
	for i, c := range list {
		chunks, err := c.chunks(messages[i])
		if err != nil {
			b.Fatal(err)
		}
		var f [][]byte
		for k := range chunks {
			f = append(f, chunks[k].AppendFrame(nil, byte(k), 255, 190))
		}
		frames = append(frames, f)
	}
	var r *Receiver
	interleave(b, len(list), func(i int) {
		if i == 0 {
			var err error
			if r, err = NewReceiver(ReceiverOptions{Self: Fingerprint{1}, System: 1, Keys: Keys(public), Session: SessionID{1}}); err != nil {
				b.Fatal(err)
			}
		}
		for k, f := range frames[i] {
			if c, err := r.Add(f, 0); err != nil || (c != nil) != (k == len(frames[i])-1) {
				b.Fatal(c, err)
			}
		}
	}, func(i int) {
		if err := public.Verify(statements[i], contextCommand, messages[i][len(statements[i]):]); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkForgery times what a receiver spends on a message that is not for it, and on
// one of a signer it does not know.
func BenchmarkForgery(b *testing.B) {
	_, _, _, messages := commandsToTime(b, 1)
	for name, o := range map[string]ReceiverOptions{
		"foreign": {Self: Fingerprint{2}, System: 1, Keys: Keys(), Session: SessionID{1}},
		"unknown": {Self: Fingerprint{1}, System: 1, Keys: Keys(), Session: SessionID{1}},
	} {
		b.Run(name, func(b *testing.B) {
			r, err := NewReceiver(o)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := r.Open(messages[0]); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// BenchmarkLog signs and judges a log of commands on one core and on two.
func BenchmarkLog(b *testing.B) {
	const n = 600
	plain := join(flight(n))
	key := newKey(b, 1)
	var signed bytes.Buffer
	if _, err := SignLog(&signed, bytes.NewReader(plain), Seeds(), key, FingerprintOf(key.Public()), SignOptions{}); err != nil {
		b.Fatal(err)
	}
	seeds := Seeds()
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("sign-%d", workers), func(b *testing.B) {
			for b.Loop() {
				if _, err := SignLog(io.Discard, bytes.NewReader(plain), seeds, key, FingerprintOf(key.Public()), SignOptions{Workers: workers}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
		b.Run(fmt.Sprintf("judge-%d", workers), func(b *testing.B) {
			b.SetBytes(int64(signed.Len()))
			for b.Loop() {
				j, err := JudgeLog(bytes.NewReader(signed.Bytes()), seeds, JudgeOptions{Keys: known(key.Public()), Workers: workers})
				if err != nil || j.Summary[Authentic] != n {
					b.Fatal(j.Summary, err)
				}
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

// BenchmarkAssemble times putting the chunks of one command together.
func BenchmarkAssemble(b *testing.B) {
	_, list, _, messages := commandsToTime(b, 1)
	chunks, err := list[0].chunks(messages[0])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		a := chunk.NewAssembler(chunk.Limits{})
		for i := range chunks {
			if _, err := a.Add(chunk.Source{System: 255}, chunks[i], 0, 0); err != nil {
				b.Fatal(err)
			}
		}
	}
}
