package wire

import (
	"iter"

	"cqkit/pkg/tlog"
)

// Frames yields the MAVLink frames in a datagram, one behind the other, whose checksums hold
// by the seeds; [Seeds] has those that a [Receiver] needs. Others are left out, and what is no whole frame
// ends it. The frames are views into datagram.
func Frames(datagram []byte, seeds *tlog.Seeds) iter.Seq[tlog.Frame] {
	return func(yield func(tlog.Frame) bool) {
		for b := datagram; ; {
			n := frameLength(b)
			if n == 0 || n > len(b) {
				return
			}
			if f := tlog.Frame(b[:n:n]); seeds.Check(f) == tlog.OK && !yield(f) {
				return
			}
			b = b[n:]
		}
	}
}

// frameLength returns how long the frame is that b begins with, 0 if that is none (MAVLink
// serialization guide, "Packet Format").
func frameLength(b []byte) int {
	switch {
	case len(b) >= 8 && b[0] == 0xFE:
		return 8 + int(b[1])
	case len(b) >= 12 && b[0] == 0xFD && b[2] == 0:
		return 12 + int(b[1])
	case len(b) >= 12 && b[0] == 0xFD && b[2] == 1: // signed
		return 12 + int(b[1]) + tlog.SignatureSize
	}
	return 0
}
