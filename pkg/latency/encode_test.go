package latency

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// samples are histograms of different shapes.
func samples() []*Histogram {
	r := rand.New(rand.NewPCG(7, 8))
	var list []*Histogram
	for _, fill := range []func(h *Histogram){
		func(*Histogram) {},
		func(h *Histogram) { h.Record(300) },
		func(h *Histogram) { h.RecordAtLeast(300) },
		func(h *Histogram) { h.RecordN(0, 1<<40); h.RecordN(math.MaxInt64, 1<<50) },
		func(h *Histogram) {
			for range 1000 {
				h.Record(time.Duration(5e6 * math.Exp(r.NormFloat64())))
			}
		},
		func(h *Histogram) {
			for range 200 {
				h.Record(spread(r))
				h.RecordAtLeast(spread(r))
			}
		},
	} {
		h := new(Histogram)
		fill(h)
		list = append(list, h)
	}
	return list
}

func TestEncodingOfTheDocument(t *testing.T) {
	for want, h := range map[string]*Histogram{"01 00 00": samples()[0], "01 01 96 02 01 01 00 ac 02 ac 02 00 ac 02": samples()[1]} {
		if got := hex.EncodeToString(encoded(h)); got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	var again Histogram
	again.RecordAtLeast(5) // what was in it before does not matter
	for i, h := range samples() {
		b := encoded(h)
		if err := again.UnmarshalBinary(b); err != nil {
			t.Errorf("sample %d: %v", i, err)
		}
		if !slices.Equal(encoded(&again), b) || again.Count() != h.Count() || again.Mean() != h.Mean() || again.Min() != h.Min() || again.Quantile(0.9) != h.Quantile(0.9) {
			t.Errorf("sample %d changed on the way", i)
		}
	}
}

// TestSize keeps a second's histogram small: 1000 lognormal records in under 1.2 kB.
func TestSize(t *testing.T) {
	if n := len(encoded(samples()[4])); n > 1200 {
		t.Errorf("1000 records take %d bytes", n)
	}
}

func TestTruncatedAndExtended(t *testing.T) {
	for i, h := range samples() {
		b := encoded(h)
		for n := range b {
			mustRefuse(t, i, b[:n])
		}
		mustRefuse(t, i, append(slices.Clone(b), 0))
	}
}

func mustRefuse(t *testing.T, sample any, b []byte) {
	t.Helper()
	var h Histogram
	h.Record(1)
	err := h.UnmarshalBinary(b)
	var format *FormatError
	if !errors.As(err, &format) || format.Offset > len(b) || h.Count() != 0 {
		t.Errorf("sample %v, %d bytes: error %v, count %d", sample, len(b), err, h.Count())
	}
}

func TestRefused(t *testing.T) {
	num := func(v ...uint64) (b []byte) {
		for _, v := range v {
			b = binary.AppendUvarint(b, v)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"version":             num(2, 0, 0),
		"long form":           {1, 0x80, 0, 0},
		"65 bits":             append([]byte{1}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2),
		"runs":                num(1, numBuckets+1),
		"adjacent runs":       num(1, 2, 5, 1, 1, 0, 1, 1, 0, 5, 6, 0, 11),
		"empty run":           num(1, 1, 5, 0, 0),
		"zero count":          num(1, 1, 5, 1, 0, 0),
		"bucket beyond":       num(1, 1, numBuckets, 1, 1, 0),
		"run beyond":          num(1, 1, numBuckets-1, 2, 1, 1, 0),
		"skip overflows":      num(1, 1, math.MaxUint64, 1, 1, 0),
		"length overflows":    num(1, 1, 1, math.MaxUint64, 1, 0),
		"count":               num(1, 1, 5, 1, 1<<63, 0, 5, 5, 0, 5),
		"total":               num(1, 1, 5, 2, 1<<62, 1<<62, 0, 5, 6, 0, 5),
		"total of both":       num(1, 1, 0, 1, 1<<62, 1, 0, 1, 1<<62, 0, 0, 0, 0),
		"min below":           num(1, 1, 278, 1, 2, 0, 299, 301, 0, 601),
		"min huge":            num(1, 1, 278, 1, 2, 0, math.MaxUint64, 301, 0, 601),
		"max above":           num(1, 1, 278, 1, 2, 0, 300, 302, 0, 601),
		"max below min":       num(1, 1, 278, 1, 2, 0, 301, 300, 0, 601),
		"sum below":           num(1, 1, 278, 1, 2, 0, 300, 301, 0, 599),
		"sum above":           num(1, 1, 278, 1, 2, 0, 300, 301, 0, 603),
		"sum high":            num(1, 1, 278, 1, 2, 0, 300, 301, 1, 601),
		"sum of one":          num(1, 1, 278, 1, 1, 0, 300, 300, 0, 301),
		"two values of one":   num(1, 1, 278, 1, 1, 0, 300, 301, 0, 301),
		"max of bounds":       num(1, 0, 1, 278, 1, 1, 302, 0, 302),
		"sum of one at least": num(1, 0, 1, 278, 1, 1, 300, 0, 301),
		"empty with a sum":    num(1, 0, 0, 0),
	} {
		mustRefuse(t, name, b)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, h := range samples() {
		f.Add(encoded(h))
	}
	f.Add([]byte("\x01\x01\x05\x02\x01\x01\x00\x05\x06\x00\x0b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var h Histogram
		if h.UnmarshalBinary(data) != nil {
			return
		}
		if again := encoded(&h); !slices.Equal(again, data) {
			t.Fatalf("read\n%x\nwritten\n%x", data, again)
		}
		if h.Count() > 0 && (h.Min() > h.Max() || h.Mean() > h.Max() || h.Quantile(0) > h.Quantile(1)) {
			t.Fatalf("min %d, mean %d, max %d", h.Min(), h.Mean(), h.Max())
		}
		h.AppendHDR(nil)
	})
}
