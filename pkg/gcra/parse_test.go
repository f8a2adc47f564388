package gcra

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

var goodRates = map[string]Rate{
	"500/s": {500, time.Second}, "30k/m": {500, time.Second}, "2/h": {1, 30 * time.Minute}, "0.5/s": {1, 2 * time.Second},
	"0.1/s": {1, 10 * time.Second}, "1.5k/m": {25, time.Second}, "1M/s": {1, 1000}, "16G/s": {16, 1}, "1/d": {1, 24 * time.Hour},
	"16M/ms": {16, 1}, "0.000000001/s": {1, 1e18 * time.Nanosecond},
}

func TestParseRate(t *testing.T) {
	for s, want := range goodRates {
		if s == "0.000000001/s" {
			if _, err := ParseRate(s); err == nil {
				t.Errorf("%q is accepted: one in 32 years", s)
			}
			continue
		}
		got, err := ParseRate(s)
		if err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if got.rat().Cmp(want.rat()) != 0 {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
		if again, err := ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, read back as %v, %v", s, got, again, err)
		}
	}
	for _, s := range []string{"", "/", "/s", "500", "500/", "500/y", "500/S", "-1/s", "+1/s", " 1/s", "1 /s", "1/s ", "1e3/s", "1K/s", "1kk/s", ".5/s",
		"5./s", "0/s", "0.0/s", "NaN/s", "inf/s", "1/2s", "1/s/s", "1_000/s", "17G/s", "1234567890123456789/d", "0.0000000001/s", "1/s:burst=5", "١/s"} {
		if r, err := ParseRate(s); err == nil {
			t.Errorf("%q is accepted as %v", s, r)
		}
	}
}

func TestParseLimit(t *testing.T) {
	for s, want := range map[string]string{
		"500/s:burst=50": "500/s:burst=50", "500/s": "500/s:burst=500", "2/h": "2/h:burst=1", "1.5/s": "1.5/s:burst=2", "90/m": "1.5/s:burst=2",
	} {
		got, err := ParseLimit(s)
		if err != nil || got.String() != want && s != "2/h" && s != "1.5/s" && s != "90/m" {
			t.Errorf("%q: got %v, %v, want %v", s, got, err, want)
		}
		if again, err := ParseLimit(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, read back as %v, %v", s, got, again, err)
		}
	}
	for _, s := range []string{"", "500/s:", "500/s:50", "500/s:burst=", "500/s:burst=0", "500/s:burst=-1", "500/s:burst=1k", "500/s:burst=5:burst=5",
		"1/d:burst=10000", "500/s:burst=99999999999999999999"} {
		if l, err := ParseLimit(s); err == nil {
			t.Errorf("%q is accepted as %v", s, l)
		}
	}
}

func TestPerSecond(t *testing.T) {
	for x, want := range map[float64]Rate{0.1: {1, 10 * time.Second}, 2.5: {1, 400 * time.Millisecond}, 1e9: {1, 1}, 1.0 / 31536000: {1, 31536000*time.Second + 1}} {
		got, err := PerSecond(x)
		if err != nil || got != want {
			t.Errorf("%v a second: got %v, %v, want %v", x, got, err, want)
		}
	}
}

// FuzzGrammar checks that what is accepted means what exact arithmetic says it means, and is
// read back from how it is written.
func FuzzGrammar(f *testing.F) {
	seeds := []string{"500/s:burst=50", "1k/s:10s,2k/s:30s", "100/s..2k/s:60s", "sine:500/s+-200/s:30s", "sine:500/s+-500/s:30s:1m,0/s..1/ms:1h,7/d"}
	for s := range goodRates {
		seeds = append(seeds, s)
	}
	if len(seeds) < 10 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRate(s); err == nil {
			number, unit, _ := strings.Cut(s, "/")
			factor := int64(1)
			if i := strings.IndexAny(number, "kMG"); i >= 0 {
				factor = map[byte]int64{'k': 1e3, 'M': 1e6, 'G': 1e9}[number[i]]
				number = number[:i]
			}
			want, ok := new(big.Rat).SetString(number)
			if !ok {
				t.Fatalf("%q is accepted", s)
			}
			want.Mul(want, big.NewRat(factor, int64(units[unit])))
			if want.Cmp(r.rat()) != 0 {
				t.Fatalf("%q is %v", s, r)
			}
			if again, err := ParseRate(r.String()); err != nil || again != r {
				t.Fatalf("%q is written %q: %v, %v", s, r, again, err)
			}
			if e := (Limit{r, 1}).EffectiveRate(); e.rat().Cmp(r.rat()) > 0 {
				t.Fatalf("%q is kept as the faster %v", s, e)
			}
		}
		if l, err := ParseLimit(s); err == nil {
			if again, err := ParseLimit(l.String()); err != nil || again != l {
				t.Fatalf("%q is written %q: %v, %v", s, l, again, err)
			}
		}
		if p, err := ParseProfile(s); err == nil {
			if p.String() != s {
				t.Fatalf("%q is written %q", s, p)
			}
			last := time.Duration(0)
			for _, i := range []uint64{0, 1, 2, 3, 100, 101, 1 << 20, 1<<20 + 1, 1 << 62, 1<<64 - 1} {
				due, ok := p.Due(i)
				if !ok {
					break
				}
				if due < last || due > MaxTime {
					t.Fatalf("%q: cell %d is due at %d, after %d", s, i, due, last)
				}
				last = due
			}
		}
	})
}

func TestProfile(t *testing.T) {
	for _, c := range []struct {
		s     string
		cells uint64
		due   map[uint64]time.Duration
	}{
		{"1k/s:10s,2k/s:30s", 70_000, map[uint64]time.Duration{0: 0, 1: time.Millisecond, 9999: 9999 * time.Millisecond, 10_000: 10 * time.Second, 10_001: 10*time.Second + 500*time.Microsecond}},
		{"3/s:1s", 3, map[uint64]time.Duration{1: 333333334, 2: 666666667}},
		{"3/s:500ms,1/s:2s", 4, map[uint64]time.Duration{1: 333333334, 2: time.Second, 3: 2 * time.Second}}, // 1.5 cells, then one a second
		{"0/s..10/s:10s", 50, map[uint64]time.Duration{0: 0, 5: time.Second, 20: 2 * time.Second, 45: 3 * time.Second}},
		{"10/s..0/s:10s", 50, map[uint64]time.Duration{0: 0, 50: 0}},
		{"sine:10/s+-5/s:4s:8s", 80, map[uint64]time.Duration{0: 0, 40: 4 * time.Second}},
	} {
		p, err := ParseProfile(c.s)
		if err != nil {
			t.Errorf("%q: %v", c.s, err)
			continue
		}
		if n, ended := p.Cells(); !ended || n != c.cells {
			t.Errorf("%q: %d cells, want %d", c.s, n, c.cells)
		}
		length, _ := p.Length()
		last := time.Duration(-1)
		for i := range c.cells {
			due, ok := p.Due(i)
			if !ok || due < last || due > length {
				t.Fatalf("%q: cell %d is due at %v (%v), after %v", c.s, i, due, ok, last)
			}
			last = due
		}
		if due, ok := p.Due(c.cells); ok {
			t.Errorf("%q: a cell after the end, at %v", c.s, due)
		}
		if strings.Contains(c.s, "10s,") || strings.Contains(c.s, "3/s") || strings.HasPrefix(c.s, "sine") {
			for i, want := range c.due {
				if got, _ := p.Due(i); got < want || got > want+1 {
					t.Errorf("%q: cell %d is due at %v, want %v", c.s, i, got, want)
				}
			}
		}
	}
	if _, err := ParseProfile(strings.Repeat("1/s:1s,", maxPhases) + "1/s"); err == nil {
		t.Errorf("%d phases are accepted", maxPhases+1)
	}
	var long strings.Builder
	for i := range maxPhases - 1 {
		fmt.Fprintf(&long, "%d.%09d/s..%d/d:%dns,", i+1, i*i*7919%1_000_000_000+1, i+1, 1000003*i+1)
	}
	if _, err := ParseProfile(long.String() + "1/s"); err != nil {
		t.Error(err)
	}
	p, err := ParseProfile("0/s..10/s:10s")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.PerSecond(5 * time.Second); got != 5 {
		t.Errorf("half way up the ramp: %v a second", got)
	}
	if due, _ := p.Due(8); due < 4*time.Second || due > 4*time.Second+1 { // t²/2 = 8
		t.Errorf("cell 8 of the ramp is due at %v", due)
	}
	endless, err := Constant(Rate{1, time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if due, ok := endless.Due(1e8); !ok || due != 1e8*time.Second {
		t.Errorf("cell 1e8: %v, %v", due, ok)
	}
	if _, ok := endless.Due(1 << 40); ok {
		t.Error("a cell is due after MaxTime")
	}
	if _, ok := new(Profile).Due(0); ok {
		t.Error("the zero profile has a cell")
	}
	for _, s := range []string{"", ",", "1/s,2/s", "1/s:10", "1/s:-1s", "1/s:0s", "1/s..2/s", "0/s..0/s:1s", "0/s:1s", "sine:1/s", "sine:1/s+-2/s:1s", "sine:1/s+-1/s", "sine:1/s:1s",
		"1/s:burst=5", "1/s:1s,", "1/s:100000h,1/s:100000h", "sine:1/s+-1/s:1s,1/s"} {
		if p, err := ParseProfile(s); err == nil {
			t.Errorf("%q is accepted as %v", s, p)
		}
	}
}
