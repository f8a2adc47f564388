package wire

import (
	"math/rand/v2"
	"testing"
)

func TestRising(t *testing.T) {
	for _, tt := range []struct {
		name   string
		nonces []uint64
		want   string // x: in the run
	}{
		{"none", nil, ""},
		{"in order", []uint64{1, 2, 5}, "xxx"},
		{"a repeat", []uint64{1, 2, 2, 3}, "xx.x"},
		{"the first again at the end", []uint64{1, 2, 3, 1}, "xxx."},
		{"the last one first, too", []uint64{3, 1, 2, 3}, ".xxx"},
		{"two exchanged: the later one is not above the last", []uint64{1, 3, 2, 4}, "xx.x"},
		{"one moved back", []uint64{4, 1, 2, 3, 5}, ".xxxx"},
		{"all of it twice", []uint64{1, 2, 3, 1, 2, 3}, "xxx..."},
		{"zeros", []uint64{0, 1, 0, 2, 0}, ".x.x."},
		{"zero alone", []uint64{0}, "."},
		{"the greatest", []uint64{1, 1<<64 - 1, 1<<64 - 1}, "xx."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			series := make([]*Finding, len(tt.nonces))
			for i, n := range tt.nonces {
				series[i] = &Finding{Nonce: n}
			}
			got := ""
			for _, in := range rising(series) {
				got += map[bool]string{true: "x", false: "."}[in]
			}
			if got != tt.want {
				t.Errorf("%v: got %s, want %s", tt.nonces, got, tt.want)
			}
		})
	}
}

// TestRisingIsLongest compares with every subset of short series.
func TestRisingIsLongest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		n := 1 + rng.IntN(9)
		series := make([]*Finding, n)
		for i := range series {
			series[i] = &Finding{Nonce: 1 + rng.Uint64N(7)}
		}
		longest := 0
		for mask := range 1 << n {
			count, last, ok := 0, uint64(0), true
			for i, f := range series {
				if mask>>i&1 == 1 {
					ok = ok && f.Nonce > last
					last = f.Nonce
					count++
				}
			}
			if ok {
				longest = max(longest, count)
			}
		}
		count, last := 0, uint64(0)
		for i, in := range rising(series) {
			if !in {
				continue
			}
			if series[i].Nonce <= last {
				t.Fatal("the run does not rise")
			}
			last = series[i].Nonce
			count++
		}
		if count != longest {
			t.Fatalf("a run of %d, the longest has %d", count, longest)
		}
	}
}
