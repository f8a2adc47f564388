package wire_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// An oracle knows what a ground station has sent and sees each frame that reaches the
// vehicle. It says which message must be accepted when, by the rules of docs/chunk.md, of
// which it has an implementation of its own.
type oracle struct {
	truths map[[16]byte]*truth
	maxAge time.Duration
}

// truth is a message that was sent, and what has arrived of it.
type truth struct {
	index   int
	session int
	nonce   uint64
	sent    [][]byte // its frames

	variants [][][]byte // by position, the payloads that arrived first, two at most
	tried    int
	spoiled  bool // more combinations than are tried
	whole    bool
	touched  time.Duration
	begun    bool
}

const (
	modelVariants     = 2
	modelCombinations = 64
)

// sent takes note of a message.
func (o *oracle) sent(t *truth, message []byte) {
	sum := sha256.Sum256(message)
	if o.truths == nil {
		o.truths = map[[16]byte]*truth{}
	}
	o.truths[[16]byte(sum[:])] = t
}

// payloadOf returns the whole payload of a sound MAVLink 2 chunk frame, nil of anything else.
func payloadOf(frame []byte) []byte {
	if len(frame) < 12 || frame[0] != 0xFD || frame[2] != 0 || int(frame[1]) != len(frame)-12 ||
		!bytes.Equal(frame[7:10], []byte{0x50, 0xC3, 0}) {
		return nil
	}
	n := len(frame) - 2
	if mcrf4xx(append(bytes.Clone(frame[1:n]), 206)) != binary.LittleEndian.Uint16(frame[n:]) {
		return nil
	}
	return append(bytes.Clone(frame[10:n]), make([]byte, 253+10-n)...)
}

// observe sees a frame. must is a message that is thereby put together and must be so; may is
// one that may have been, because the attacker exceeded the bounds.
func (o *oracle) observe(frame []byte, now time.Duration) (must, may *truth) {
	p := payloadOf(frame)
	if p == nil {
		return nil, nil
	}
	t := o.truths[[16]byte(p[8:24])]
	if t == nil {
		return nil, nil
	}
	// Of the same source, token, target, type and count, and well-formed.
	first := payloadOf(t.sent[0])
	seq, count, size := int(p[5]), int(p[6]), int(p[7])
	if !bytes.Equal(p[:5], first[:5]) || p[6] != first[6] || !bytes.Equal(frame[5:7], t.sent[0][5:7]) ||
		seq >= count || size < 17 || size > 245 || seq < count-1 && size != 245 || len(bytes.TrimRight(p[8+size:], "\x00")) > 0 {
		return nil, nil
	}
	if t.begun && now-t.touched > o.maxAge {
		t.begun = false
	}
	if !t.begun {
		t.begun, t.whole, t.spoiled, t.tried = true, false, false, 0
		t.variants = make([][][]byte, count)
		t.touched = now
	}
	if t.whole {
		// Chunks of a message that is known keep the memory of it alive, once each.
		t.touched = now
		return nil, nil
	}
	for _, v := range t.variants[seq] {
		if bytes.Equal(v, p) {
			return nil, nil
		}
	}
	if t.spoiled {
		return nil, t
	}
	if len(t.variants[seq]) == modelVariants {
		return nil, nil
	}
	t.variants[seq] = append(t.variants[seq], p)
	t.touched = now
	combinations, genuine := 1, true
	for i, vs := range t.variants {
		if len(vs) == 0 {
			return nil, nil
		}
		if i != seq {
			combinations *= min(len(vs), modelCombinations+1)
			combinations = min(combinations, modelCombinations+1)
		}
		here := false
		for _, v := range vs {
			here = here || bytes.Equal(v, payloadOf(t.sent[i]))
		}
		genuine = genuine && here
	}
	if t.tried += combinations; t.tried > modelCombinations {
		t.spoiled = true
		return nil, t
	}
	if !genuine {
		return nil, nil
	}
	t.whole = true
	return t, nil
}
