package wire

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"cqkit/pkg/tlog"
)

// TestHonestLinks has what relays, radios and recorders do to a signed log. All of it
// stays authentic.
func TestHonestLinks(t *testing.T) {
	const n = 10
	log, at := signedFlight(t, n, 1)
	for _, tt := range []struct {
		name       string
		log        func() []entry
		recaptured int64
		copies     int
	}{
		{"captured anew", func() []entry { return later(log, 86400_000_000) }, n, 0},
		{"captured anew, twice as fast", func() []entry {
			c := clone(log)
			for i := range c {
				c[i].time = flightStart + 500 + (c[i].time-flightStart)/2
			}
			return c
		}, n, 0},
		{"two receivers, frame by frame", func() []entry {
			var c []entry
			for _, e := range log {
				c = append(c, e, entry{e.time + 900, e.frame})
			}
			return c
		}, 0, 1},
		{"two receivers, 30 ms apart", func() []entry {
			c := append(clone(log), later(log, 30_000)...)
			slices.SortStableFunc(c, func(a, b entry) int { return int(a.time - b.time) })
			return c
		}, 0, 1},
		{"chunks in front of the frame", func() []entry {
			c := clone(log)
			for _, i := range at {
				b := slices.Clone(block(c, i))
				copy(block(c, i), append(b[1:], b[0]))
			}
			return c
		}, 0, 0},
		{"chunks backwards", func() []entry {
			c := clone(log)
			for _, i := range at {
				slices.Reverse(block(c, i)[1:])
			}
			return c
		}, 0, 0},
		{"chunks late, among telemetry", func() []entry {
			var c, late []entry
			for _, e := range log {
				if e.chunk() {
					late = append(late, e)
					continue
				}
				c = append(c, e)
				if len(late) > 0 {
					c = append(c, entry{e.time, late[0].frame})
					late = late[1:]
				}
			}
			for _, e := range late {
				c = append(c, entry{c[len(c)-1].time, e.frame})
			}
			return c
		}, 0, 0},
		{"chunks of two commands mixed", func() []entry {
			c := clone(log)
			for k := 0; k+1 < n; k += 2 {
				i, j := at[k], at[k+1]
				a, b := block(c, i)[1:], block(c, j)[1:]
				for x := range a {
					if x%2 == 0 && x < len(b) {
						a[x], b[x] = b[x], a[x]
					}
				}
			}
			return c
		}, 0, 0},
		{"lost telemetry", func() []entry {
			return slices.DeleteFunc(clone(log), func(e entry) bool { return tlog.Frame(e.frame).ID() == 30 && e.time%3 == 0 })
		}, 0, 0},
		{"a chunk doubled", func() []entry {
			return slices.Insert(clone(log), at[3]+5, log[at[3]+5])
		}, 0, 0},
		{"spoofed chunks", func() []entry {
			c := clone(log)
			for k := range 3 {
				e := clone(log[at[3]+5+k : at[3]+6+k])[0]
				e.frame[60] ^= 1
				mend(e.frame)
				c = slices.Insert(c, at[3]+5, e)
			}
			return c
		}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judge(t, join(tt.log()), JudgeOptions{})
			j.want(t, map[Verdict]int64{Authentic: n})
			if j.Recaptured != tt.recaptured {
				t.Errorf("%d are taken for captured anew, want %d", j.Recaptured, tt.recaptured)
			}
			for _, f := range j.Findings {
				if (f.Copies > 0) != (tt.copies > 0) {
					t.Errorf("record %d: %d copies", f.Index, f.Copies)
				}
			}
		})
	}
}

// TestSignedAgain signs a signed log once more, with the same key and another, as it is and
// captured anew, by the same component and another.
func TestSignedAgain(t *testing.T) {
	const n = 8
	log, _ := signedFlight(t, n, 1)
	keys := known(newKey(t, 1).Public(), newKey(t, 2).Public())
	for _, again := range [][]entry{log, later(log, 86400_000_000)} {
		for key := range byte(2) {
			twice, sum := signLog(t, join(again), key+1, nil)
			if sum.Signed != n {
				t.Errorf("%d statements were seen, want %d", sum.Signed, n)
			}
			judge(t, twice, JudgeOptions{Keys: keys}).want(t, map[Verdict]int64{Authentic: 2 * n})
			j := judge(t, twice, JudgeOptions{})
			j.want(t, map[Verdict]int64{Authentic: n + int64(1-key)*n, Forged: int64(key) * n})
		}
	}
	// two flights, one after the other
	other := laterSigned(t, 4, 7200_000_000)
	judge(t, join(append(clone(log), other...)), JudgeOptions{}).want(t, map[Verdict]int64{Authentic: n + 4})
	k := newKey(t, 1)
	var out bytes.Buffer
	if _, err := SignLog(&out, bytes.NewReader(join(log)), Seeds(), k, FingerprintOf(k.Public()), SignOptions{Component: 99}); err != nil {
		t.Fatal(err)
	}
	from := map[uint8]bool{}
	for _, e := range entries(t, out.Bytes()) {
		if e.chunk() {
			from[tlog.Frame(e.frame).Component()] = true
		}
	}
	if len(from) != 2 || !from[99] || !from[CarrierComponent] {
		t.Errorf("chunks come from %v", from)
	}
}

// TestWorkersChangeNothing judges with different numbers of workers.
func TestWorkersChangeNothing(t *testing.T) {
	log, at := signedFlight(t, 30, 1)
	log[at[4]].frame[12] ^= 1
	log = append(drop(log, at[9], 1), block(log, at[2])...)
	one := judge(t, join(log), JudgeOptions{Workers: 1})
	for _, w := range []int{2, 7} {
		if many := judge(t, join(log), JudgeOptions{Workers: w}); fmt.Sprint(stripped(many)) != fmt.Sprint(stripped(one)) {
			t.Errorf("%d workers found something else", w)
		}
	}
}

// stripped is what is exported of the findings.
func stripped(j *Judgement) []Finding {
	list := slices.Clone(j.Findings)
	for i := range list {
		list[i].content, list[i].copyCount = 0, nil
	}
	return list
}
