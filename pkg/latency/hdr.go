package latency

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"math"
)

// The V2 encoding of HdrHistogram, org.HdrHistogram.AbstractHistogram, encodeIntoByteBuffer and
// encodeIntoCompressedByteBuffer.
const (
	hdrCookie           = 0x1c849303 | 0x10
	hdrCookieCompressed = 0x1c849304 | 0x10
	hdrDigits           = 2
)

// AppendHDR appends the histogram in HdrHistogram's V2 encoding, uncompressed, to b. Records
// that are at least w count as w.
func (h *Histogram) AppendHDR(b []byte) []byte {
	last := bucketOf(h.max)
	if h.Count() == 0 {
		last = 0
	}
	head := len(b)
	b = binary.BigEndian.AppendUint32(b, hdrCookie)
	b = binary.BigEndian.AppendUint32(b, 0) // length of the counts, below
	b = binary.BigEndian.AppendUint32(b, 0) // normalizing index offset
	b = binary.BigEndian.AppendUint32(b, hdrDigits)
	b = binary.BigEndian.AppendUint64(b, 1)                       // lowest discernible value
	b = binary.BigEndian.AppendUint64(b, max(highest(last), 255)) // highest trackable value
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(1))     // integer to double conversion ratio
	body := len(b)
	zeros := int64(0)
	for i := 0; i <= last && h.Count() > 0; i++ {
		n := h.counts[i]
		if h.least > 0 {
			n += h.atLeast[i]
		}
		if n == 0 {
			zeros++
			continue
		}
		switch {
		case zeros == 1:
			b = appendZigZag(b, 0)
		case zeros > 1:
			b = appendZigZag(b, -zeros)
		}
		zeros = 0
		b = appendZigZag(b, int64(min(n, math.MaxInt64)))
	}
	binary.BigEndian.PutUint32(b[head+4:], uint32(len(b)-body))
	return b
}

// appendZigZag appends v as ZigZag LEB128-64b9B: at most nine bytes, the ninth with eight bits.
func appendZigZag(b []byte, v int64) []byte {
	u := uint64(v)<<1 ^ uint64(v>>63)
	for range 8 {
		if u < 0x80 {
			return append(b, byte(u))
		}
		b = append(b, byte(u)|0x80)
		u >>= 7
	}
	return append(b, byte(u))
}

// HDRString returns the histogram in HdrHistogram's compressed V2 encoding in base64, which
// begins with "HISTFAAA". Records that are at least w count as w.
func (h *Histogram) HDRString() string {
	var body bytes.Buffer
	z, err := zlib.NewWriterLevel(&body, zlib.BestCompression)
	if err == nil {
		_, err = z.Write(h.AppendHDR(nil))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // the level is valid, and a bytes.Buffer takes everything
	}
	out := binary.BigEndian.AppendUint32(nil, hdrCookieCompressed)
	out = binary.BigEndian.AppendUint32(out, uint32(body.Len()))
	return base64.StdEncoding.EncodeToString(append(out, body.Bytes()...))
}
