package load

import (
	"math"
	"slices"

	"cqkit/pkg/latency"
	"cqkit/pkg/stat"
)

const (
	confidence = 0.95
	minBlocks  = 5   // with fewer, requests are taken as independent
	maxBlocks  = 100 // neighbouring seconds are taken together beyond that
)

// A block is some neighbouring seconds: the observations of intervals, since the requests
// of one second share their fate.
type block []Second

func (b block) tally(n func(*Counts) uint64) (sum uint64) {
	for i := range b {
		sum += n(&b[i].Counts)
	}
	return sum
}

// blocks returns the seconds in which anything happened. In find, whose plateau is a part
// of the run, there are none.
func (r *Result) blocks() []block {
	if r.Mode == ModeFind {
		return nil
	}
	every := r.HistogramSeconds()
	var steps []block // each has one histogram
	var busy []Second
	for i, s := range r.Seconds {
		if s.Response != nil || every > 1 {
			busy = append(busy, s)
		}
		if s.Response != nil {
			steps, busy = append(steps, busy), nil
		}
		if (i+1)%every == 0 {
			busy = nil // nothing happened
		}
	}
	n := min(len(steps), maxBlocks)
	list := make([]block, n)
	for i := range list {
		list[i] = slices.Concat(steps[i*len(steps)/n : (i+1)*len(steps)/n]...)
	}
	return list
}

// A sample is a histogram a block over common buckets.
type sample struct {
	at    []float64 // mid-points
	full  [][]entry // a block: records by bucket
	least [][]entry
	count []uint64 // a block
}

type entry struct {
	bucket int
	n      uint64
}

func newSample(blocks []block, which func(*Second) []byte) *sample {
	s := &sample{}
	index := map[float64]int{}
	hists := make([]*latency.Histogram, len(blocks))
	for i, b := range blocks {
		hists[i] = new(latency.Histogram)
		for j := range b {
			addEncoded(hists[i], which(&b[j]))
		}
		for bucket := range hists[i].Buckets() {
			mid := float64(bucket.Low) + float64(bucket.High-bucket.Low)/2
			if _, ok := index[mid]; !ok {
				index[mid] = 0
				s.at = append(s.at, mid)
			}
		}
	}
	slices.Sort(s.at)
	for i, mid := range s.at {
		index[mid] = i
	}
	for _, h := range hists {
		var full, least []entry
		for bucket := range h.Buckets() {
			i := index[float64(bucket.Low)+float64(bucket.High-bucket.Low)/2]
			if bucket.Count > 0 {
				full = append(full, entry{i, bucket.Count})
			}
			if bucket.AtLeast > 0 {
				least = append(least, entry{i, bucket.AtLeast})
			}
		}
		s.full, s.least, s.count = append(s.full, full), append(s.least, least), append(s.count, h.Count())
	}
	return s
}

// addEncoded adds a histogram encoded here or checked by the reader of files.
func addEncoded(h *latency.Histogram, b []byte) {
	if b == nil {
		return
	}
	var one latency.Histogram
	if err := one.UnmarshalBinary(b); err != nil {
		panic(err)
	}
	h.Add(&one)
}

// beyond stands for a quantile among records of which only a lower bound is known.
const beyond = 1e19

// quantile returns the q-quantile of the blocks picked, with records known to be at least w as w, or
// as beyond all.
func (s *sample) quantile(q float64, short bool) func(pick []int) float64 {
	counts := make([]uint64, len(s.at))
	return func(pick []int) float64 {
		clear(counts)
		var n uint64
		for _, b := range pick {
			n += s.count[b]
			for _, e := range s.full[b] {
				counts[e.bucket] += e.n
			}
			if short {
				for _, e := range s.least[b] {
					counts[e.bucket] += e.n
				}
			}
		}
		if n == 0 {
			return math.NaN()
		}
		k := uint64(math.Max(1, math.Ceil(q*float64(n)-1e-9)))
		var seen uint64
		for i, c := range counts {
			if seen += c; seen >= k {
				return s.at[i]
			}
		}
		return beyond
	}
}

// quantile returns a quantile of response, service or lag. Its interval is that of the ranks, and at least that
// of the seconds, and holds whatever the requests without an answer leave open.
func (r *Result) quantile(of string, q float64) stat.Interval {
	h, which := &r.Lag, func(*Second) []byte { return nil }
	switch of {
	case "response":
		h, which = &r.Response, func(s *Second) []byte { return s.Response }
	case "service":
		h, which = &r.Service, func(s *Second) []byte { return s.Service }
	}
	n := h.Count()
	if n == 0 {
		return stat.Nothing
	}
	_, low, high := stat.QuantileRanks(n, q, confidence)
	i := stat.Interval{Value: float64(h.Quantile(q)), Low: 0, High: math.Inf(1)}
	if low > 0 {
		i.Low = float64(h.Rank(low))
	}
	if high <= n {
		if _, most := h.RankBounds(high); most != latency.Unbounded {
			i.High = float64(most)
		}
	}
	blocks := r.blocks()
	if of == "lag" || len(blocks) < minBlocks {
		return i
	}
	s := newSample(blocks, which)
	cfg := stat.BootstrapConfig{Confidence: confidence}
	i.Low = math.Min(i.Low, stat.Bootstrap(len(blocks), s.quantile(q, true), cfg).Low)
	i.High = math.Max(i.High, stat.Bootstrap(len(blocks), s.quantile(q, false), cfg).High)
	if i.High >= beyond/2 {
		i.High = math.Inf(1)
	}
	return i
}

// mean returns the mean of a histogram; without an upper bound if records have none.
func (r *Result) mean(h *latency.Histogram, which func(*Second) []byte) stat.Interval {
	n := h.Count()
	if n == 0 {
		return stat.Nothing
	}
	value := float64(h.Mean())
	i := stat.Interval{Value: value, Low: float64(h.Min()), High: float64(h.Max())}
	if blocks := r.blocks(); len(blocks) >= minBlocks {
		sums, counts := make([]float64, len(blocks)), make([]float64, len(blocks))
		for j, b := range blocks {
			var one latency.Histogram
			for k := range b {
				addEncoded(&one, which(&b[k]))
			}
			sums[j], counts[j] = one.Sum()*1e9, float64(one.Count())
		}
		i = stat.Bootstrap(len(blocks), func(pick []int) float64 {
			var sum, count float64
			for _, b := range pick {
				sum, count = sum+sums[b], count+counts[b]
			}
			return sum / count
		}, stat.BootstrapConfig{Confidence: confidence})
		i.Value = value
	}
	if h.AtLeast() > 0 {
		i.High = math.Inf(1)
	}
	return i
}
