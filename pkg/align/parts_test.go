package align

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestIndexAgainstMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{1, 2, 3, 10, 1000, 20000} {
		for _, values := range []uint64{1, 2, 10, 1 << 40} {
			seq := make([]uint64, n)
			places := map[uint64][]uint32{}
			for i := range seq {
				seq[i] = rng.Uint64N(values)
				places[seq[i]] = append(places[seq[i]], uint32(i))
			}
			probes := append(slices.Clone(seq[max(0, n-50):]), seq[0], 1<<50)
			for name, x := range map[string]*index{"all": indexOf(seq, seq), "some": indexOf(seq, probes)} {
				for _, v := range probes {
					if got := x.lookup(v); !slices.Equal(got, places[v]) {
						t.Fatalf("%s, %d of %d values: lookup(%d) = %v, want %v", name, n, values, v, got, places[v])
					}
				}
				for range 100 {
					v := rng.Uint64()
					if got := x.lookup(v); len(got) != 0 && !slices.Equal(got, places[v]) {
						t.Fatalf("lookup(%d) = %v", v, got)
					}
				}
			}
		}
	}
}

func TestBitsetAgainstBools(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 500 {
		n := uint32(1 + rng.IntN(300))
		b, plain := make(bitset, n/64+1), make([]bool, n)
		for range 20 {
			i := rng.Uint32N(n)
			k := rng.Uint32N(n - i + 1)
			on := rng.IntN(2) == 0
			if on {
				b.set(i, k)
			} else {
				b.clear(i, k)
			}
			for j := i; j < i+k; j++ {
				plain[j] = on
			}
		}
		count := 0
		for i, on := range plain {
			if b.get(uint32(i)) != on {
				t.Fatalf("bit %d is %v", i, !on)
			}
			if on {
				count++
			}
			k := 0
			for i+k < len(plain) && plain[i+k] == on {
				k++
			}
			if got := b.same(uint32(i), n-uint32(i)); int(got) != k {
				t.Fatalf("same(%d) = %d, want %d", i, got, k)
			}
		}
		if b.count() != count {
			t.Fatalf("count %d, want %d", b.count(), count)
		}
		zeros := uint32(0)
		b.gaps(0, n, func(_, k uint32) { zeros += k })
		if int(zeros)+count != len(plain) {
			t.Fatalf("%d in gaps, %d set, of %d", zeros, count, n)
		}
	}
}

// Pairs are in order, as many as can be, and no others are nearer in length.
func TestPairAgainstAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	spans := func(n int) []span {
		out := make([]span, n)
		for i := range out {
			out[i].n = 1 + rng.Uint32N(9)
		}
		return out
	}
	var least func(a, b []span, pairs int) int64
	least = func(a, b []span, pairs int) int64 {
		if pairs == 0 {
			return 0
		}
		if len(a) < pairs || len(b) < pairs {
			return 1 << 40
		}
		return min(least(a[1:], b, pairs), least(a, b[1:], pairs),
			abs(int64(a[0].n)-int64(b[0].n))+least(a[1:], b[1:], pairs-1))
	}
	for range 2000 {
		gone, loose := spans(rng.IntN(6)), spans(rng.IntN(6))
		partner := pair(gone, loose)
		pairs, last, cost := 0, -1, int64(0)
		for i, g := range partner {
			if g < 0 {
				continue
			}
			if g <= last {
				t.Fatalf("pairs out of order: %v", partner)
			}
			pairs, last, cost = pairs+1, g, cost+abs(int64(gone[g].n)-int64(loose[i].n))
		}
		want := min(len(gone), len(loose))
		if pairs != want || cost != least(gone, loose, want) {
			t.Fatalf("%v and %v: %v, %d pairs at %d, want %d at %d", gone, loose, partner, pairs, cost, want, least(gone, loose, want))
		}
	}
	// Beyond what is searched, the first ones are paired.
	gone, loose := spans(1000), spans(2000)
	for i, g := range pair(gone, loose) {
		if i < 1000 && g != i || i >= 1000 && g >= 0 {
			t.Fatalf("loose %d is paired with %d", i, g)
		}
	}
}

// The two chains agree where only order matters.
func TestChainsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range 300 {
		n := 1 + rng.IntN(200)
		sealed := unique(n)
		presented := slices.Clone(sealed)
		rng.Shuffle(n, func(i, j int) { presented[i], presented[j] = presented[j], presented[i] })
		blocks, _ := parse(sealed, presented)
		exact, long := chainExact(blocks, n, n, overlapCosts), chainLong(blocks, n)
		count := func(kept []block) (elements uint32) {
			for i, b := range kept {
				elements += b.n
				if i > 0 && (kept[i-1].sEnd() > b.s || kept[i-1].tEnd() > b.t) {
					t.Fatalf("not ascending: %v", kept)
				}
			}
			return elements
		}
		if len(exact) != len(long) || count(exact) != count(long) {
			t.Fatalf("%d blocks with %d elements, and %d with %d", len(exact), count(exact), len(long), count(long))
		}
	}
}

// A doubled run between two long blocks costs neither of them in the long chain.
func TestSplitOverlaps(t *testing.T) {
	sealed := unique(100)
	presented := slices.Concat(sealed[:60], sealed[40:])
	kept := chainLong([]block{{0, 0, 60}, {40, 60, 60}}, len(sealed))
	if want := []block{{0, 0, 60}, {60, 80, 40}}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	if res := Align(sealed, presented, Options{}); res.Findings() != 1 {
		t.Errorf("%v", res.Runs)
	}
}

func TestApplyRefuses(t *testing.T) {
	sealed, presented := unique(6), slices.Concat(unique(3), []uint64{1}, unique(6)[4:])
	good := []Run{{Kept, 0, 3, 0, 3}, {Changed, 3, 1, 3, 1}, {Kept, 4, 2, 4, 2}}
	if got, err := Apply(sealed, presented, good); err != nil || !slices.Equal(got, presented) {
		t.Fatal(got, err)
	}
	for name, runs := range map[string][]Run{
		"nothing":              nil,
		"end missing":          good[:2],
		"beginning missing":    good[1:],
		"twice":                {good[0], good[0], good[1], good[2]},
		"unknown kind":         {{0, 0, 6, 0, 6}},
		"outside sealed":       {{Kept, 4, 3, 0, 3}},
		"far outside sealed":   {{Kept, 1 << 30, 1 << 30, 0, 3}},
		"negative":             {{Kept, -1, 3, 0, 3}},
		"negative count":       {{Dropped, 3, -1, 0, 0}},
		"outside presented":    {{Inserted, 0, 0, 0, 7}},
		"negative presented":   {{Inserted, 0, 0, 0, -1}},
		"counts differ":        {{Kept, 0, 3, 0, 2}},
		"empty":                {{Kept, 0, 0, 0, 0}},
		"changed from nothing": {{Changed, 0, 0, 0, 6}},
		"dropped to something": {{Dropped, 0, 6, 0, 6}},
		"inserted from sealed": {{Inserted, 0, 6, 0, 6}},
		"sealed not told":      {good[0], {Inserted, 3, 0, 3, 1}, good[2]},
		"sealed told twice":    {good[0], {Changed, 3, 2, 3, 1}, good[2]},
		"kept out of order":    {{Kept, 3, 3, 0, 3}, {Kept, 0, 3, 3, 3}},
		"changed elsewhere":    {{Changed, 3, 1, 0, 1}, {Kept, 0, 3, 1, 3}, {Kept, 4, 2, 4, 2}},
		"changed behind":       {{Moved, 0, 2, 0, 2}, {Kept, 3, 3, 2, 3}, {Changed, 2, 1, 5, 1}},
	} {
		if _, err := Apply(sealed, presented, runs); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
