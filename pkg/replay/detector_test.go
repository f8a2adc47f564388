package replay

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"

	"cqkit/pkg/tlog"
)

func TestHistory(t *testing.T) {
	h := history{limit: 1000}
	for i := range int64(10_000) {
		hash := uint64(i) * 0x9E3779B97F4A7C15
		if h.find(hash) != nil {
			t.Fatalf("record %d found before it was added", i)
		}
		h.add(hash, Place{Index: i})
		for _, back := range []int64{0, 1, 500, 999} {
			if i < back {
				continue
			}
			if e := h.find(uint64(i-back) * 0x9E3779B97F4A7C15); e == nil || e.Index != i-back {
				t.Fatalf("at %d: the record %d before is %v", i, back, e)
			}
		}
	}
	if h.find(0) != nil || len(h.now.entries) > 1000 || len(h.old.entries) > 1000 {
		t.Error("nothing is forgotten")
	}
	h.add(7, Place{Index: 1})
	h.add(7, Place{Index: 2})
	if e := h.find(7); e.Index != 2 {
		t.Errorf("got record %d, want the later one", e.Index)
	}
}

// counterFrame is a frame of 1/1 with a number, for the counters alone.
func counterFrame(seq uint8) tlog.Frame {
	return tlog.Frame{0xFE, 0, seq, 1, 1, 0, 0, 0}
}

// TestCounters feeds numbers and says what they look like.
func TestCounters(t *testing.T) {
	run := func(numbers ...uint8) (*counters, []fit) {
		c := new(counters)
		var list []fit
		for i, seq := range numbers {
			how, k := c.look(seq, 1)
			c.put(how, k, counterFrame(seq), Place{Index: int64(i)}, nil)
			list = append(list, how)
		}
		return c, list
	}
	for _, c := range []struct {
		name    string
		numbers []uint8
		want    []fit
		over    int64
	}{
		{"in order", []uint8{254, 255, 0, 1}, []fit{jumps, fits, fits, fits}, 0},
		{"a loss", []uint8{1, 2, 5, 6}, []fit{jumps, fits, jumps, fits}, 0},
		{"a late frame", []uint8{1, 2, 4, 3, 5, 6}, []fit{jumps, fits, jumps, resumes, resumes, fits}, 0},
		{"a foreign frame", []uint8{1, 2, 99, 3, 4}, []fit{jumps, fits, jumps, resumes, fits}, 1},
		{"two counters in turn", []uint8{1, 99, 2, 100, 3, 101}, []fit{jumps, jumps, resumes, resumes, resumes, resumes}, 4},
		{"a number twice", []uint8{1, 2, 3, 3, 4}, []fit{jumps, fits, fits, twice, fits}, 1},
	} {
		got, list := run(c.numbers...)
		if !slices.Equal(list, c.want) || got.over != c.over {
			t.Errorf("%s: got %v, resumed %d times; want %v, %d", c.name, list, got.over, c.want, c.over)
		}
	}
}

// TestLossyCounter checks that loss, reordering and restarts alone never look like a
// second transmitter.
func TestLossyCounter(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 5))
		c := new(counters)
		seq := uint8(rng.Uint32())
		var waiting []uint8
		loss := rng.Float64() * 0.5
		put := func(seq uint8, i int) {
			how, k := c.look(seq, 1)
			c.put(how, k, counterFrame(seq), Place{Index: int64(i)}, nil)
		}
		for i := range 5000 {
			seq++
			switch {
			case rng.Float64() < loss:
				if rng.IntN(10) == 0 {
					seq += uint8(rng.IntN(200)) // a longer hole
				}
			case rng.IntN(50) == 0:
				waiting = append(waiting, seq)
			case rng.IntN(2000) == 0:
				seq = 0
			default:
				put(seq, i)
				for _, w := range waiting {
					put(w, i)
				}
				waiting = waiting[:0]
			}
		}
		if c.several() {
			t.Errorf("seed %d, loss %.2f: resumed %d times, %.1f expected by chance", seed, loss, c.over, c.lambda)
		}
	}
}

// TestReadErrors checks that a reader's error is not taken for the end.
func TestReadErrors(t *testing.T) {
	log, _ := write([]rec{{time: 1e15, frame: counterFrame(1)}})
	want := errors.New("the disk is gone")
	for _, r := range []io.Reader{
		io.MultiReader(bytes.NewReader(log), iotest.ErrReader(want)),
		io.MultiReader(bytes.NewReader(make([]byte, 100_000)), iotest.ErrReader(want)),
		iotest.ErrReader(want),
	} {
		if _, err := Scan(r, seeds, Options{}); !errors.Is(err, want) {
			t.Errorf("got error %v", err)
		}
	}
	if r, err := Scan(bytes.NewReader(nil), seeds, Options{}); err != nil || r.Records != 0 || len(r.Findings) != 0 {
		t.Errorf("nothing: %+v, %v", r, err)
	}
}

// TestSmallReads checks that the result does not depend on how the log arrives.
func TestSmallReads(t *testing.T) {
	data := readShared(t, "attacks", "mavlink_flood_terrain_request-0410-18_04_29.tlog")
	whole, err := Scan(bytes.NewReader(data), seeds, Options{})
	if err != nil {
		t.Fatal(err)
	}
	parts, err := Scan(iotest.OneByteReader(bytes.NewReader(data)), seeds, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if brief(whole.Findings) != brief(parts.Findings) {
		t.Errorf("at once:%s\nbyte by byte:%s", brief(whole.Findings), brief(parts.Findings))
	}
}

// FuzzScan checks that nothing a log holds stops the detector, and what findings
// say of places.
func FuzzScan(f *testing.F) {
	for seq := range uint8(3) {
		frame := counterFrame(seq)
		frame = append(frame[:6], 0, 0)
		log, _ := write([]rec{{time: 1e15, frame: frame}, {time: 1e15, frame: frame}})
		f.Add(log)
	}
	key := testKey
	f.Fuzz(func(t *testing.T, log []byte) {
		for _, opts := range []Options{{}, {Key: &key, Prints: true}} {
			r, err := Scan(bytes.NewReader(log), seeds, opts)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Findings {
				if f.First.Index < 0 || f.First.Index > r.Records || f.Last.Index < f.First.Index || f.Count < 1 || f.Detail == "" {
					t.Errorf("%d records: %+v", r.Records, f)
				}
			}
		}
	})
}

// BenchmarkScan walks real logs. The bound is cutting them alone (package tlog);
// the aim is a million records a second and core.
func BenchmarkScan(b *testing.B) {
	for _, name := range []string{"tlogs/big-append-chronological-2012-2021.tlog", "tlogs/ardusub-qgc-v2-2023.tlog", "tlogs/multi-vehicle-interleaved-2025.tlog", "tlogs/" + signedLog} {
		data := readShared(b, filepath.FromSlash(name))
		for _, mode := range []string{"cut", "scan", "key", "prints"} {
			opts := Options{Prints: mode == "prints"}
			if mode == "key" {
				opts.Key = &testKey
			}
			b.Run(filepath.Base(name)+"/"+mode, func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				b.ReportAllocs()
				n := int64(0)
				for b.Loop() {
					if mode == "cut" {
						scan := tlog.NewScanner(bytes.NewReader(data), seeds, tlog.Timed)
						for {
							seg, err := scan.Next()
							if err != nil {
								break
							}
							if seg.Kind == tlog.Record {
								n++
							}
						}
						continue
					}
					r, err := Scan(bytes.NewReader(data), seeds, opts)
					if err != nil {
						b.Fatal(err)
					}
					n += r.Records
				}
				b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mrec/s")
			})
		}
	}
}
