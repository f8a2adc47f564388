package align

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
)

// unique returns n values that are all different.
func unique(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = uint64(i+1) * spread
	}
	return out
}

// repeated returns one sequence several times over, as when a log is joined
// to itself, so that no value occurs once.
func repeated(n, times int) []uint64 {
	return slices.Repeat(unique(n/times), times)
}

// check fails the test unless res is a script that makes presented, with no
// run that is part of another.
func check(t testing.TB, sealed, presented []uint64, res Result) {
	t.Helper()
	got, err := Apply(sealed, presented, res.Runs)
	if err != nil {
		t.Fatalf("%v\n%v", err, res.Runs)
	}
	if !slices.Equal(got, presented) {
		t.Fatalf("the script makes %v\nof %v, want %v\n%v", got, sealed, presented, res.Runs)
	}
	kept, moved := 0, 0
	for i, r := range res.Runs {
		switch r.Kind {
		case Kept:
			kept += r.SealedCount
		case Moved:
			moved += r.SealedCount
		}
		if i == 0 || res.Runs[i-1].Kind != r.Kind {
			continue
		}
		q := res.Runs[i-1]
		follows := q.Sealed+q.SealedCount == r.Sealed
		if r.Kind == Inserted || r.Kind != Changed && follows && q.Presented+q.PresentedCount == r.Presented {
			t.Fatalf("runs %d and %d are one: %v %v", i-1, i, q, r)
		}
	}
	if !res.Coarse && kept+moved != res.Found {
		t.Fatalf("%d kept and %d moved, %d found", kept, moved, res.Found)
	}
}

func TestAlign(t *testing.T) {
	for _, tt := range []struct {
		name              string
		sealed, presented string // an element a letter
		want              string
	}{
		{"both empty", "", "", ""},
		{"the same", "abcdef", "abcdef", "kept 0+6 0+6"},
		{"all dropped", "abc", "", "dropped 0+3 0+0"},
		{"all inserted", "", "abc", "inserted 0+0 0+3"},
		{"foreign", "abc", "xy", "changed 0+3 0+2"},
		{"changed", "abcdef", "abXdef", "kept 0+2 0+2, changed 2+1 2+1, kept 3+3 3+3"},
		{"changed to more", "abcdef", "abXYZdef", "kept 0+2 0+2, changed 2+1 2+3, kept 3+3 5+3"},
		{"changed first and last", "abcd", "XbcY", "changed 0+1 0+1, kept 1+2 1+2, changed 3+1 3+1"},
		{"dropped", "abcdef", "abef", "kept 0+2 0+2, dropped 2+2 2+0, kept 4+2 2+2"},
		{"inserted", "abcd", "abXYcd", "kept 0+2 0+2, inserted 2+0 2+2, kept 2+2 4+2"},
		{"head cut", "abcdef", "cdef", "dropped 0+2 0+0, kept 2+4 0+4"},
		{"tail cut", "abcdef", "abcd", "kept 0+4 0+4, dropped 4+2 4+0"},
		{"appended", "abcd", "abcdXY", "kept 0+4 0+4, inserted 4+0 4+2"},
		{"moved back", "abcdefgh", "afgbcdeh", "kept 0+1 0+1, moved 5+2 1+2, kept 1+4 3+4, kept 7+1 7+1"},
		{"moved on", "abcdefgh", "adefgbch", "kept 0+1 0+1, kept 3+4 1+4, moved 1+2 5+2, kept 7+1 7+1"},
		{"doubled in place", "abcdef", "abcdcdef", "kept 0+4 0+4, doubled 2+2 4+2, kept 4+2 6+2"},
		{"doubled elsewhere", "abcdef", "abcdeabf", "kept 0+5 0+5, doubled 0+2 5+2, kept 5+1 7+1"},
		{"doubled twice", "abcdef", "abcdebcbcf", "kept 0+5 0+5, doubled 1+2 5+2, doubled 1+2 7+2, kept 5+1 9+1"},
		{"copy before its original", "abcdefgh", "aefbcdefgh", "kept 0+1 0+1, doubled 4+2 1+2, kept 1+7 3+7"},
		{"copy before a changed record", "aqcdefgh", "acdXcdefgh",
			"kept 0+1 0+1, doubled 2+2 1+2, changed 1+1 3+1, kept 2+6 4+6"},
		{"moved over a change", "abcdefgh", "aXefcdgh",
			"kept 0+1 0+1, changed 1+1 1+1, moved 4+2 2+2, kept 2+2 4+2, kept 6+2 6+2"},
		{"swapped halves of different length", "abcdefg", "fgabcde", "moved 5+2 0+2, kept 0+5 2+5"},
		{"a long move is the rest that stayed", "abcdefg", "cdefgab", "kept 2+5 0+5, moved 0+2 5+2"},
		{"reversed", "abc", "cba", "moved 2+1 0+1, moved 1+1 1+1, kept 0+1 2+1"},
		{"the change is the one as long", "abcdefgh", "aeXh",
			"kept 0+1 0+1, dropped 1+3 1+0, kept 4+1 1+1, changed 5+2 2+1, kept 7+1 3+1"},
		{"shorter run of one value", "aaaaaaaa", "aaaaa", "kept 0+5 0+5, dropped 5+3 5+0"},
		{"longer run of one value", "xaaay", "xaaaaay", "kept 0+4 0+4, doubled 2+2 4+2, kept 4+1 6+1"},
		{"within a run of one value", "xaaaaay", "xaaQaay", "kept 0+3 0+3, changed 3+1 3+1, kept 4+3 4+3"},
		{"a repeated value moved", "abcdabcdabcd", "abcdbcdabcda", "kept 0+4 0+4, moved 9+3 4+3, kept 4+5 7+5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			letters := func(s string) (out []uint64) {
				for _, c := range s {
					out = append(out, uint64(c))
				}
				return out
			}
			sealed, presented := letters(tt.sealed), letters(tt.presented)
			res := Align(sealed, presented, Options{})
			check(t, sealed, presented, res)
			got := ""
			for i, r := range res.Runs {
				if i > 0 {
					got += ", "
				}
				got += fmt.Sprintf("%s %d+%d %d+%d", r.Kind, r.Sealed, r.SealedCount, r.Presented, r.PresentedCount)
			}
			if got != tt.want {
				t.Errorf("%s to %s\ngot  %s\nwant %s", tt.sealed, tt.presented, got, tt.want)
			}
		})
	}
}

// The main property: on distinct values there are never more findings than
// edits, and whatever the values are, the script makes the presented sequence,
// and makes it the same way again.
func TestAlignRandomEdits(t *testing.T) {
	distinct := func(rng *rand.Rand, n int) []uint64 { return unique(n) }
	for _, tt := range []struct {
		name                      string
		elements, edits, longest  int
		rounds                    int
		sealed                    func(rng *rand.Rand, n int) []uint64
		everMoreFindingsThanEdits bool
	}{
		{"few", 60, 3, 20, 4000, distinct, false},
		{"crowded", 60, 12, 8, 5000, distinct, false},
		{"tiny", 8, 5, 3, 4000, distinct, false},
		{"many", 3000, 200, 30, 60, distinct, false},
		{"long", 100_000, 200, 3000, 8, distinct, false},
		{"ten-fold", 100_000, 200, 300, 8, func(rng *rand.Rand, n int) []uint64 { return repeated(n, 10) }, false},
		{"ten-fold crowded", 300, 12, 8, 500, func(rng *rand.Rand, n int) []uint64 { return repeated(n, 10) }, true},
		{"some twice", 1000, 30, 20, 100, func(rng *rand.Rand, n int) []uint64 {
			s := unique(n)
			for range n / 20 {
				s[rng.IntN(n)] = s[rng.IntN(n)]
			}
			return s
		}, true},
		{"runs", 1000, 30, 20, 100, func(rng *rand.Rand, n int) []uint64 {
			s := unique(n)
			for i := 1; i < n; i++ {
				if rng.IntN(10) > 0 {
					s[i] = s[i-1]
				}
			}
			return s
		}, true},
		{"four values", 200, 10, 20, 500, func(rng *rand.Rand, n int) []uint64 {
			s := make([]uint64, n)
			for i := range s {
				s[i] = rng.Uint64N(4)
			}
			return s
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() {
				tt.rounds = tt.rounds/20 + 1
			}
			for seed := range uint64(tt.rounds) {
				rng := rand.New(rand.NewPCG(seed, 1))
				e := &editor{rng: rng, fresh: 1 << 40}
				e.sealed = tt.sealed(rng, tt.elements/2+rng.IntN(tt.elements/2))
				presented, edits := e.edits(1+rng.IntN(tt.edits), 1+rng.IntN(tt.longest))
				before := slices.Clone(presented)
				res := Align(e.sealed, presented, Options{})
				check(t, e.sealed, presented, res)
				if !slices.Equal(before, presented) {
					t.Fatal("Align changed its input")
				}
				if n := res.Findings(); n > len(edits) && !tt.everMoreFindingsThanEdits {
					t.Fatalf("seed %d: %d findings for %d edits\n%v\n%v", seed, n, len(edits), edits, res.Runs)
				}
				if again := Align(e.sealed, presented, Options{}); !slices.Equal(again.Runs, res.Runs) {
					t.Fatalf("seed %d: two scripts for the same input", seed)
				}
			}
		})
	}
}

// extremes are the inputs that make an alignment expensive.
func extremes(n int) map[string]func() (s, p []uint64) {
	rng := rand.New(rand.NewPCG(5, 6))
	of := func(change func(s []uint64) []uint64) func() ([]uint64, []uint64) {
		return func() ([]uint64, []uint64) { s := unique(n); return s, change(slices.Clone(s)) }
	}
	return map[string]func() (s, p []uint64){
		"same":           of(func(s []uint64) []uint64 { return s }),
		"nothing-left":   of(func(s []uint64) []uint64 { return nil }),
		"one-changed":    of(func(s []uint64) []uint64 { s[n/2] = 1; return s }),
		"half-dropped":   of(func(s []uint64) []uint64 { return slices.Concat(s[:n/4], s[3*n/4:]) }),
		"halves-swapped": of(func(s []uint64) []uint64 { return slices.Concat(s[n/2:], s[:n/2]) }),
		"doubled":        of(func(s []uint64) []uint64 { return slices.Concat(s, s) }),
		"every-second":   of(func(s []uint64) []uint64 { return slices.DeleteFunc(s, func(v uint64) bool { return v*spread%3 == 0 }) }),
		"reversed":       of(func(s []uint64) []uint64 { slices.Reverse(s); return s }),
		"foreign": of(func(s []uint64) []uint64 {
			for i := range s {
				s[i] = ^s[i]
			}
			return s
		}),
		"shuffled": of(func(s []uint64) []uint64 {
			rng.Shuffle(n, func(i, j int) { s[i], s[j] = s[j], s[i] })
			return s
		}),
		"one-value": func() ([]uint64, []uint64) {
			s := make([]uint64, n)
			p := slices.Clone(s[:n-n/100])
			for i := range p {
				if i%1000 == 500 {
					p[i] = uint64(i)
				}
			}
			return s, p
		},
		"four-values": func() ([]uint64, []uint64) {
			s, p := make([]uint64, n), make([]uint64, n)
			for i := range s {
				s[i], p[i] = rng.Uint64N(4), rng.Uint64N(4)
			}
			return s, p
		},
		"one-bucket": func() ([]uint64, []uint64) { // values that an index keeps together
			s := make([]uint64, n)
			inverse := uint64(1) // of spread, modulo 2^64
			for range 6 {
				inverse *= 2 - spread*inverse
			}
			for i := range s {
				s[i] = uint64(i) * inverse
			}
			p := slices.Clone(s)
			rng.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
			return s, p
		},
	}
}

func TestAlignExtremes(t *testing.T) {
	n := 20_000 // more blocks than chainExact takes
	if testing.Short() {
		n = 2000
	}
	for name, inputs := range extremes(n) {
		t.Run(name, func(t *testing.T) {
			sealed, presented := inputs()
			for _, maxRuns := range []int{0, 1000, 8, -1} {
				res := Align(sealed, presented, Options{MaxRuns: maxRuns})
				check(t, sealed, presented, res)
				if maxRuns != 0 && len(res.Runs) > max(maxRuns, 8) {
					t.Errorf("%d runs, at most %d allowed", len(res.Runs), maxRuns)
				}
				if maxRuns == 0 && res.Coarse {
					t.Errorf("coarse with %d runs", len(res.Runs))
				}
				if (name == "shuffled" || name == "reversed" || name == "doubled") && res.Found != n {
					t.Errorf("%d of %d found", res.Found, n)
				}
				if name == "foreign" && res.Found != 0 {
					t.Errorf("%d found", res.Found)
				}
			}
			check(t, presented, sealed, Align(presented, sealed, Options{}))
		})
	}
}

func TestAlignMemoryIsBounded(t *testing.T) {
	const n, perElement = 30_000, 500
	for name, inputs := range extremes(n) {
		t.Run(name, func(t *testing.T) {
			sealed, presented := inputs()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			Align(sealed, presented, Options{MaxRuns: 10_000})
			runtime.ReadMemStats(&after)
			if got := (after.TotalAlloc - before.TotalAlloc) / n; got > perElement {
				t.Errorf("%d bytes an element allocated, more than %d", got, perElement)
			}
		})
	}
}

func TestAlignEnds(t *testing.T) {
	for _, tt := range []struct{ sealed, presented []uint64 }{
		{nil, nil},
		{unique(10), unique(10)},
		{unique(10), nil},
		{nil, unique(10)},
		{unique(10), unique(7)},
		{unique(10), slices.Concat(unique(3), []uint64{1}, unique(10)[5:])},
		{unique(10), slices.Concat(unique(3), unique(10)[5:])},
		{unique(10), slices.Concat(unique(3), []uint64{1}, unique(10)[3:])},
	} {
		res := alignEnds(tt.sealed, tt.presented)
		check(t, tt.sealed, tt.presented, res)
		if res.Findings() > 1 {
			t.Errorf("%d findings", res.Findings())
		}
	}
}

func TestKindNames(t *testing.T) {
	names := ""
	for k := Kept; k <= Doubled+1; k++ {
		names += k.String() + " "
	}
	if names != "kept changed dropped inserted moved doubled kind(7) " {
		t.Error(names)
	}
}

func FuzzAlign(f *testing.F) {
	f.Add([]byte("abcdef"), []byte("abXdef"), 0)
	f.Add([]byte("abcdefgh"), []byte("afgbcdeh"), 8)
	f.Add([]byte("abcdabcdabcd"), []byte("abcdbcdabcda"), 20)
	f.Add([]byte("xaaaaay"), []byte("xaaQaaaaay"), 0)
	f.Add([]byte(""), []byte("aaaa"), 9)
	f.Fuzz(func(t *testing.T, s, p []byte, maxRuns int) {
		values := func(b []byte) (out []uint64) {
			for _, c := range b {
				out = append(out, uint64(c))
			}
			return out
		}
		sealed, presented := values(s), values(p)
		res := Align(sealed, presented, Options{MaxRuns: maxRuns})
		check(t, sealed, presented, res)
		if maxRuns != 0 && len(res.Runs) > max(maxRuns, 8) {
			t.Fatalf("%d runs, at most %d allowed", len(res.Runs), maxRuns)
		}
	})
}

func ExampleAlign() {
	sealed := []uint64{10, 11, 12, 13, 14, 15, 16, 17}
	presented := []uint64{10, 99, 12, 15, 16, 13, 14, 10}
	res := Align(sealed, presented, Options{})
	for _, r := range res.Runs {
		fmt.Printf("%-8s sealed %d+%d, presented %d+%d\n", r.Kind, r.Sealed, r.SealedCount, r.Presented, r.PresentedCount)
	}
	// Output:
	// kept     sealed 0+1, presented 0+1
	// changed  sealed 1+1, presented 1+1
	// kept     sealed 2+1, presented 2+1
	// moved    sealed 5+2, presented 3+2
	// kept     sealed 3+2, presented 5+2
	// dropped  sealed 7+1, presented 7+0
	// doubled  sealed 0+1, presented 7+1
}
