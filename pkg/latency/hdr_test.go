package latency

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// TestHDR decodes what is exported with another implementation and compares every bucket.
func TestHDR(t *testing.T) {
	for i, h := range samples() {
		text := h.HDRString()
		if !strings.HasPrefix(text, "HISTFAAA") {
			t.Errorf("sample %d begins with %.12q", i, text)
		}
		got, err := hdrhistogram.Decode([]byte(text))
		if err != nil {
			t.Errorf("sample %d: %v", i, err)
			continue
		}
		if got.TotalCount() != int64(h.Count()) {
			t.Errorf("sample %d: %d records, want %d", i, got.TotalCount(), h.Count())
		}
		counts := map[int64]int64{}
		for _, bar := range got.Distribution() {
			if bar.Count > 0 {
				counts[bar.From] = bar.Count
			}
		}
		n := 0
		for b := range h.Buckets() {
			n++
			if c := counts[int64(b.Low)]; c != int64(b.Count+b.AtLeast) {
				t.Errorf("sample %d: %d records from %d, want %d", i, c, b.Low, b.Count+b.AtLeast)
			}
		}
		if n != len(counts) {
			t.Errorf("sample %d: %d buckets, want %d", i, len(counts), n)
		}
		for _, q := range []float64{50, 90, 99} {
			if a, b := float64(got.ValueAtPercentile(q)), float64(h.Quantile(q/100)); math.Abs(a-b) > 0.01*b {
				t.Errorf("sample %d: p%g is %g there and %g here", i, q, a, b)
			}
		}
	}
}

// TestHDRUncompressed checks that the compressed form holds the plain one, and its header.
func TestHDRUncompressed(t *testing.T) {
	for i, h := range samples() {
		plain := h.AppendHDR([]byte("x"))[1:]
		raw, err := base64.StdEncoding.DecodeString(h.HDRString())
		if err != nil {
			t.Fatal(err)
		}
		z, err := zlib.NewReader(bytes.NewReader(raw[8:]))
		if err != nil {
			t.Fatal(err)
		}
		var inner bytes.Buffer
		if _, err := inner.ReadFrom(z); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(inner.Bytes(), plain) || int(binary.BigEndian.Uint32(raw[4:])) != len(raw)-8 {
			t.Errorf("sample %d: the compressed form holds something else", i)
		}
		if binary.BigEndian.Uint32(plain) != 0x1c849313 || int(binary.BigEndian.Uint32(plain[4:])) != len(plain)-40 {
			t.Errorf("sample %d: header %x", i, plain[:8])
		}
	}
}

// TestSameLayout checks the buckets against HdrHistogram's for two digits, value by value.
func TestSameLayout(t *testing.T) {
	other := hdrhistogram.New(1, math.MaxInt64/2, 2)
	var h Histogram
	for v := int64(1); v < math.MaxInt64/2; v += 1 + v/100 {
		h.Record(time.Duration(v))
		if err := other.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[int64]int64{}
	for _, bar := range other.Distribution() {
		counts[bar.From] += bar.Count
	}
	for b := range h.Buckets() {
		if counts[int64(b.Low)] != int64(b.Count) {
			t.Fatalf("%d records from %d, there %d", b.Count, b.Low, counts[int64(b.Low)])
		}
	}
}
