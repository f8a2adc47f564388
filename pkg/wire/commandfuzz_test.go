package wire

import (
	"bytes"
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

// FuzzJudgeLog looks for a log, made of a signed one, in which something is authentic that was
// not signed. Whatever the log, it is judged to its end, and the findings add up.
func FuzzJudgeLog(f *testing.F) {
	key := newKey(f, 1)
	var signed bytes.Buffer
	if _, err := SignLog(&signed, bytes.NewReader(join(flight(3))), Seeds(), deterministic{key}, FingerprintOf(key.Public()), SignOptions{Origin: Origin{1}}); err != nil {
		f.Fatal(err)
	}
	log := entries(f, signed.Bytes())
	content := map[uint64]string{} // by nonce
	for i, at := range commandsIn(log) {
		content[uint64(i+1)] = string(trim(tlog.Frame(log[at].frame).Payload()))
		f.Add(join(log[at:]))
		f.Add(join(append(clone(log), block(log, at)...)))
		f.Add(join(drop(log, at, 1)))
	}
	f.Add(signed.Bytes())
	f.Add(signed.Bytes()[:signed.Len()/2])
	keys, seeds := known(key.Public()), Seeds()
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := JudgeLog(bytes.NewReader(data), seeds, JudgeOptions{Keys: keys, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if j.Bytes != int64(len(data)) {
			t.Fatalf("%d of %d bytes were read", j.Bytes, len(data))
		}
		counts := map[Verdict]int64{}
		used := map[uint64]bool{}
		for _, found := range j.Findings {
			counts[found.Verdict]++
			if found.Verdict != Authentic {
				continue
			}
			if used[found.Nonce] || found.Signer != FingerprintOf(key.Public()) || !found.HasFrame {
				t.Fatalf("authentic: %+v", found)
			}
			used[found.Nonce] = true
			frame := tlog.Frame(data[found.Offset:])
			if j.Format == tlog.Timed {
				frame = frame[tlog.TimeSize:]
			}
			n := 12 + int(frame[1])
			if frame[0] == 0xFE {
				n = 8 + int(frame[1])
			}
			if p := string(trim(frame[:n].Payload())); p != content[found.Nonce] {
				t.Fatalf("nonce %d is authentic with the payload %x", found.Nonce, p)
			}
		}
		for _, v := range Verdicts() {
			if counts[v] != j.Summary[v] {
				t.Fatalf("%d %s, the summary has %d", counts[v], v, j.Summary[v])
			}
		}
	})
}

// FuzzSignLog signs any bytes: without the chunks they are what they were, and what
// was signed is authentic.
func FuzzSignLog(f *testing.F) {
	log := join(flight(2))
	f.Add(log)
	f.Add(log[:len(log)-5])
	f.Add(append([]byte("console text"), log...))
	f.Add(append(append(bytes.Clone(log[:300]), make([]byte, 50)...), log[300:]...))
	key := newKey(f, 1)
	keys, seeds := known(key.Public()), Seeds()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 || bytes.Contains(data, []byte{chunk.MessageID & 0xFF, chunk.MessageID >> 8, 0}) {
			return // takes too long; has chunks of its own
		}
		var signed bytes.Buffer
		sum, err := SignLog(&signed, bytes.NewReader(data), seeds, key, FingerprintOf(key.Public()), SignOptions{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		var bare []byte
		for _, s := range cutAs(t, signed.Bytes(), sum.Format) {
			if s.id != chunk.MessageID {
				bare = append(bare, s.data...)
			}
		}
		if !bytes.Equal(bare, data) {
			t.Fatal("the log was changed")
		}
		j, err := JudgeLog(bytes.NewReader(signed.Bytes()), seeds, JudgeOptions{Keys: keys, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if j.Format == sum.Format && j.Summary[Authentic] != sum.Commands {
			t.Fatalf("%d commands were signed: %v", sum.Commands, j.Summary)
		}
	})
}

// TestForgedFlood judges a flood of forged statements: none costs more than one
// verification, and replays of one cost none more.
func TestForgedFlood(t *testing.T) {
	key := newKey(t, 1)
	c := CommandOf(arm())
	c.Signer, c.Receiver, c.Session = FingerprintOf(key.Public()), Fingerprint{1}, SessionID{1}
	const n = 400
	var log []entry
	for i := range n {
		c.Nonce = uint64(i + 1)
		s := spelled(t, &c)
		chunks, err := c.chunks(append(s, make([]byte, SignatureSize)...))
		if err != nil {
			t.Fatal(err)
		}
		for k := range chunks {
			log = append(log, entry{flightStart + int64(i), chunks[k].AppendFrame(nil, byte(k), 255, 190)})
		}
	}
	var asked atomic.Int64
	keys := func(Fingerprint, int64) (*pqsig.PublicKey, error) { asked.Add(1); return key.Public(), nil }
	j := judge(t, join(log), JudgeOptions{Keys: keys})
	j.want(t, map[Verdict]int64{Forged: n})
	if asked.Load() != n {
		t.Errorf("%d verifications for %d forgeries", asked.Load(), n)
	}
}

// chunkFlood is an endless log of small chunks, each a message of its own.
type chunkFlood struct {
	n, most int
	rest    []byte
	whole   bool // complete, of one chunk each
}

func (f *chunkFlood) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		if f.n == f.most {
			return 0, io.EOF
		}
		f.n++
		text := []byte{byte(f.n), byte(f.n >> 8), byte(f.n >> 16), 1}
		chunks, err := chunk.Cut(chunk.Chunk{Token: uint16(f.n), Type: chunk.Command}, text)
		if err != nil {
			return 0, err
		}
		if !f.whole {
			chunks[0].Count, chunks[0].Seq = 2, 1
		}
		f.rest = join([]entry{{flightStart + int64(f.n), chunks[0].AppendFrame(nil, byte(f.n), 1, 1)}})
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// TestChunkFlood keeps what strangers can cause within bounds: findings and memory.
func TestChunkFlood(t *testing.T) {
	if testing.Short() {
		t.Skip("a flood takes seconds under the race detector")
	}
	const n = MaxFindings + 5_000
	for _, whole := range []bool{false, true} {
		j, err := JudgeLog(&chunkFlood{most: n, whole: whole}, Seeds(), JudgeOptions{Keys: known()})
		if err != nil {
			t.Fatal(err)
		}
		v := Incomplete
		if whole {
			v = Forged
		}
		if j.Summary[v] != n || len(j.Findings) != MaxFindings || j.Dropped != n-MaxFindings {
			t.Errorf("%s: %d in the summary, %d listed, %d dropped", v, j.Summary[v], len(j.Findings), j.Dropped)
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapInuse > 512<<20 {
		t.Errorf("%d bytes are in use", m.HeapInuse)
	}
}
