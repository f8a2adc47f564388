package latency

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

const encodingVersion = 1

// AppendBinary appends the encoding of docs/latency.md to b. Equal histograms have equal
// encodings. The error is always nil.
func (h *Histogram) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, encodingVersion)
	b = appendRuns(b, &h.counts, h.full)
	b = appendRuns(b, h.atLeast, h.least)
	if h.full > 0 {
		b = binary.AppendUvarint(b, ^h.notMin)
	}
	if h.Count() > 0 {
		b = binary.AppendUvarint(b, h.max)
		b = binary.AppendUvarint(b, h.sumHi)
		b = binary.AppendUvarint(b, h.sumLo)
	}
	return b, nil
}

// MarshalBinary returns the encoding of docs/latency.md. The error is always nil.
func (h *Histogram) MarshalBinary() ([]byte, error) { return h.AppendBinary(nil) }

func appendRuns(b []byte, counts *[numBuckets]uint64, total uint64) []byte {
	if total == 0 {
		return append(b, 0)
	}
	runs := uint64(0)
	for i, n := range counts {
		if n > 0 && (i == 0 || counts[i-1] == 0) {
			runs++
		}
	}
	b = binary.AppendUvarint(b, runs)
	end := 0 // of the last run
	for i := 0; i < numBuckets; i++ {
		if counts[i] == 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(i-end))
		end = i
		for end < numBuckets && counts[end] > 0 {
			end++
		}
		b = binary.AppendUvarint(b, uint64(end-i))
		for ; i < end; i++ {
			b = binary.AppendUvarint(b, counts[i])
		}
	}
	return b
}

// A FormatError says where an encoded histogram is wrong.
type FormatError struct {
	Offset  int // bytes from the beginning
	Problem string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("histogram, byte %d: %s", e.Offset, e.Problem)
}

// UnmarshalBinary sets h to the histogram encoded in data. It refuses every encoding but the
// one AppendBinary gives, with a [*FormatError], and leaves h empty then.
func (h *Histogram) UnmarshalBinary(data []byte) error {
	h.Reset()
	p := parser{data: data}
	p.histogram(h)
	if p.err == nil && p.at < len(data) {
		p.fail("bytes after the end")
	}
	if p.err != nil {
		h.Reset()
		return p.err
	}
	return nil
}

type parser struct {
	data []byte
	at   int
	err  error
}

func (p *parser) fail(problem string) {
	if p.err == nil {
		p.err = &FormatError{p.at, problem}
	}
}

// uvarint reads a number in its shortest form; 0 after an error.
func (p *parser) uvarint() uint64 {
	if p.err != nil {
		return 0
	}
	v, n := binary.Uvarint(p.data[p.at:])
	switch {
	case n == 0:
		p.fail("it ends inside a number")
		return 0
	case n < 0:
		p.fail("a number above 2^64 - 1")
		return 0
	case n > 1 && p.data[p.at+n-1] == 0:
		p.fail("a number that is not in its shortest form")
		return 0
	}
	p.at += n
	return v
}

func (p *parser) histogram(h *Histogram) {
	if len(p.data) == 0 || p.data[0] != encodingVersion {
		p.fail("not a version that is known here")
		return
	}
	p.at++
	b := bounds{first: -1, last: -1}
	h.full = p.runs(func() *[numBuckets]uint64 { return &h.counts }, &b)
	first := b.first
	h.least = p.runs(func() *[numBuckets]uint64 { return h.leastCounts() }, &b)
	if h.full+h.least > 1<<63-1 {
		p.fail("more records than can be counted")
	}
	if h.full > 0 {
		v := p.uvarint()
		if p.err == nil && (v > 1<<63-1 || bucketOf(v) != first) {
			p.fail("a minimum outside of its bucket")
		}
		h.notMin = ^v
	}
	if h.full+h.least > 0 && p.err == nil {
		h.max = p.uvarint()
		if p.err == nil && (h.max > 1<<63-1 || bucketOf(h.max) != b.last || h.full > 0 && h.max < ^h.notMin) {
			p.fail("a maximum outside of its bucket")
		}
		h.sumHi, h.sumLo = p.uvarint(), p.uvarint()
		if p.err == nil && !b.allow(h) {
			p.fail("a sum that the counts do not allow")
		}
	}
}

// runs reads runs of counts into what target returns and returns their total.
func (p *parser) runs(target func() *[numBuckets]uint64, b *bounds) uint64 {
	n := p.uvarint()
	if n > numBuckets {
		p.fail("more runs than buckets")
	}
	var total uint64
	at := 0
	for r := uint64(0); r < n && p.err == nil; r++ {
		skip, length := p.uvarint(), p.uvarint()
		switch {
		case p.err != nil:
			return 0
		case skip == 0 && r > 0:
			p.fail("two runs that are one")
			return 0
		case length == 0:
			p.fail("an empty run")
			return 0
		case skip > numBuckets || length > numBuckets || at+int(skip+length) > numBuckets:
			p.fail("a bucket beyond the last")
			return 0
		}
		counts := target()
		at += int(skip)
		for end := at + int(length); at < end && p.err == nil; at++ {
			c := p.uvarint()
			if p.err == nil && c == 0 {
				p.fail("an empty bucket in a run")
			}
			if c > 1<<63-1 || total+c > 1<<63-1 {
				p.fail("more records than can be counted")
			}
			counts[at] = c
			total += c
			b.add(at, c)
		}
	}
	return total
}

// bounds are the least and greatest sums that counts allow.
type bounds struct {
	first, last  int // buckets
	lowHi, lowLo uint64
	topHi, topLo uint64
}

func (b *bounds) add(i int, n uint64) {
	if b.first < 0 {
		b.first = i
	}
	b.last = max(b.last, i)
	var carry uint64
	hi, lo := bits.Mul64(lowest(i), n)
	b.lowLo, carry = bits.Add64(b.lowLo, lo, 0)
	b.lowHi += hi + carry
	hi, lo = bits.Mul64(highest(i), n)
	b.topLo, carry = bits.Add64(b.topLo, lo, 0)
	b.topHi += hi + carry
}

// allow tells whether the sum of h is possible: one record is the minimum and one the maximum.
func (b *bounds) allow(h *Histogram) bool {
	less := func(aHi, aLo, bHi, bLo uint64) bool { return aHi < bHi || aHi == bHi && aLo < bLo }
	if h.Count() == 1 {
		return h.sumHi == 0 && h.sumLo == h.max && (h.full == 0 || h.max == ^h.notMin)
	}
	return !less(h.sumHi, h.sumLo, b.lowHi, b.lowLo) && !less(b.topHi, b.topLo, h.sumHi, h.sumLo)
}
