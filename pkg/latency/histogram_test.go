package latency

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// spread returns a duration of any size up to 2^63-1, small ones as likely as large.
func spread(r *rand.Rand) time.Duration {
	return time.Duration(r.Uint64() >> (1 + r.IntN(63)))
}

func TestLayout(t *testing.T) {
	next := uint64(0)
	for i := range numBuckets {
		if lowest(i) != next {
			t.Fatalf("bucket %d begins at %d, want %d", i, lowest(i), next)
		}
		next = highest(i) + 1
		for _, v := range []uint64{lowest(i), middle(i), highest(i)} {
			if bucketOf(v) != i {
				t.Fatalf("%d is in bucket %d, want %d", v, bucketOf(v), i)
			}
		}
		for _, v := range []uint64{lowest(i), highest(i)} {
			off := math.Abs(float64(middle(i)) - float64(v))
			if off > float64(v)/256 || v < 256 && off != 0 {
				t.Fatalf("bucket %d reports %d for %d, off by %.3f %%", i, middle(i), v, 100*off/float64(v))
			}
		}
	}
	if next != 1<<63 {
		t.Fatalf("the buckets end at %d, want 2^63", next)
	}
}

// model keeps every record and computes in big integers.
type model struct{ full, least []time.Duration }

func (m *model) all() []time.Duration {
	return slices.Sorted(slices.Values(slices.Concat(m.full, m.least)))
}

// near tells whether got stands for want to 1/256.
func near(got, want time.Duration) bool {
	return math.Abs(float64(got)-float64(want)) <= float64(want)/256
}

func (m *model) check(t *testing.T, h *Histogram) {
	t.Helper()
	all := m.all()
	if h.Count() != uint64(len(all)) || h.AtLeast() != uint64(len(m.least)) {
		t.Fatalf("count %d, at least %d, want %d, %d", h.Count(), h.AtLeast(), len(all), len(m.least))
	}
	if len(all) == 0 {
		return
	}
	sum := new(big.Int)
	for _, d := range all {
		sum.Add(sum, big.NewInt(int64(d)))
	}
	if mean := new(big.Int).Div(sum, big.NewInt(int64(len(all)))); h.Mean() != time.Duration(mean.Int64()) {
		t.Fatalf("mean %d, want %d", h.Mean(), mean)
	}
	if want, _ := new(big.Float).SetInt(sum).Float64(); math.Abs(h.Sum()*1e9-want) > 1e-9*want {
		t.Fatalf("sum %g s, want %g ns", h.Sum(), want)
	}
	if h.Max() != all[len(all)-1] {
		t.Fatalf("max %d, want %d", h.Max(), all[len(all)-1])
	}
	if len(m.full) > 0 && h.Min() != slices.Min(m.full) {
		t.Fatalf("min %d, want %d", h.Min(), slices.Min(m.full))
	}
	full := slices.Sorted(slices.Values(m.full))
	for _, q := range []float64{0, 0.001, 0.07, 0.1, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1} {
		k := rankModel(q, len(all))
		low, high := h.QuantileBounds(q)
		if !near(low, all[k-1]) || low != h.Quantile(q) || low > h.Max() {
			t.Fatalf("quantile %g of %d is %d, want %d", q, len(all), low, all[k-1])
		}
		switch {
		case k > len(full):
			if high != Unbounded {
				t.Fatalf("quantile %g is at most %d, want no bound", q, high)
			}
		case !near(high, full[k-1]):
			t.Fatalf("quantile %g is at most %d, want %d", q, high, full[k-1])
		}
		if low > high {
			t.Fatalf("quantile %g from %d to %d", q, low, high)
		}
	}
}

// rankModel is ⌈q·n⌉ of q as it is written in decimals.
func rankModel(q float64, n int) int {
	ten := int64(math.Round(q * 10000))
	return max(1, int((ten*int64(n)+9999)/10000))
}

func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var h Histogram
		var m model
		n := 1 + r.IntN(3000)
		if r.IntN(3) == 0 {
			n = 1 + r.IntN(5)
		}
		width := 1 + r.IntN(63)
		censored := r.IntN(3) * r.IntN(30)
		for range n {
			d := spread(r)
			if width < 40 { // a narrow distribution, with many to a bucket
				d = time.Duration(1)<<width + d%(1<<width)
			}
			if r.IntN(100) < censored {
				m.least = append(m.least, d)
				h.RecordAtLeast(d)
			} else {
				m.full = append(m.full, d)
				h.Record(d)
			}
		}
		m.check(t, &h)
	}
}

func TestEdges(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Min() != 0 || h.Max() != 0 || h.Mean() != 0 || h.Sum() != 0 || h.CountAtMost(time.Hour) != 0 {
		t.Error("the empty histogram is not all zero")
	}
	h.Record(-time.Second)
	h.RecordN(math.MaxInt64, 3)
	h.RecordN(5, 0)
	m := model{full: []time.Duration{0, math.MaxInt64, math.MaxInt64, math.MaxInt64}}
	m.check(t, &h)
	if h.CountAtMost(time.Hour) != 1 || h.CountAtMost(math.MaxInt64) != 4 {
		t.Errorf("%d up to an hour, %d in all", h.CountAtMost(time.Hour), h.CountAtMost(math.MaxInt64))
	}
	for _, q := range []float64{-1, 2, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if d := h.Quantile(q); d != 0 && d != math.MaxInt64 {
			t.Errorf("quantile %g is %d", q, d)
		}
	}
	h.RecordAtLeast(time.Second)
	h.Reset()
	if h.Count() != 0 || h.Max() != 0 || h.CountAtMost(math.MaxInt64) != 0 {
		t.Error("a reset histogram is not empty")
	}
	h.RecordAtLeast(7)
	(&model{least: []time.Duration{7}}).check(t, &h)
	if _, high := h.QuantileBounds(0.5); high != Unbounded || h.Min() != 0 {
		t.Errorf("of one lower bound: at most %d, min %d", high, h.Min())
	}
}

// TestDropsWhereTheyDoNotMatter is what RecordAtLeast is for: the quantiles below the drops are known.
func TestDropsWhereTheyDoNotMatter(t *testing.T) {
	var h Histogram
	for i := range 995 {
		h.Record(time.Duration(i+1) * time.Millisecond)
	}
	for range 5 {
		h.RecordAtLeast(2 * time.Second)
	}
	if low, high := h.QuantileBounds(0.99); low != high || !near(low, 990*time.Millisecond) {
		t.Errorf("p99 from %v to %v, want 990ms", low, high)
	}
	if low, high := h.QuantileBounds(0.999); low < 1900*time.Millisecond || high != Unbounded {
		t.Errorf("p99.9 from %v to %v, want 2s or more", low, high)
	}
}

func TestAddIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		var parts [3]Histogram
		var whole, sum Histogram
		for range r.IntN(500) {
			i, d := r.IntN(3), spread(r)
			switch r.IntN(4) {
			case 0:
				parts[i].RecordAtLeast(d)
				whole.RecordAtLeast(d)
			case 1:
				n := r.Uint64N(1 << 40)
				parts[i].RecordN(d, n)
				whole.RecordN(d, n)
			default:
				parts[i].Record(d)
				whole.Record(d)
			}
		}
		for i := range parts {
			sum.Add(&parts[i])
		}
		if a, b := encoded(&sum), encoded(&whole); !slices.Equal(a, b) {
			t.Fatalf("the sum is\n%x\nthe whole\n%x", a, b)
		}
	}
}

func encoded(h *Histogram) []byte {
	b, err := h.MarshalBinary()
	if err != nil {
		panic(err)
	}
	return b
}

func TestBuckets(t *testing.T) {
	var h Histogram
	h.RecordN(1000, 3)
	h.Record(300)
	h.RecordAtLeast(1001)
	var got []Bucket
	for b := range h.Buckets() {
		got = append(got, b)
	}
	want := []Bucket{{300, 301, 1, 0}, {1000, 1003, 3, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for range h.Buckets() {
		break
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	var h Histogram
	if n := testing.AllocsPerRun(100, func() { h.Record(12345) }); n != 0 {
		t.Errorf("%g allocations a record", n)
	}
}
