package chunk

import (
	"bytes"
	"container/list"
	"crypto/sha256"
)

// key is what the chunks of one message have in common.
type key struct {
	Source
	token                         uint16
	typ                           Type
	targetSystem, targetComponent uint8
	count                         uint8
	digest                        Digest
}

// Bounds on what forged chunks can cause for one message of v2.
const (
	variants     = 2  // kept of one position
	combinations = 64 // tried
)

// assembly is a message begun, or complete and remembered.
type assembly struct {
	key
	parts  []part // the chunks held, in the order they came
	seen   int    // positions that have one
	budget int    // combinations that may still be tried
	held   int    // bytes, by the count of docs/chunk.md, without the message's own

	whole []byte // the message completed last, nil before
	again repeat // of its chunks

	age, rank *list.Element
	ranked    int    // the list that rank is in
	touched   uint64 // the clock when the last new chunk came
}

// part is a chunk held.
type part struct {
	seq   uint8
	piece []byte
	ref   uint64
}

// repeat is which chunks of a complete message came again.
type repeat struct {
	refs []uint64 // by position
	came []bool
	n    int
}

// add takes a piece of the message. took is whether it was new; the message is not nil
// if the piece completes it.
func (m *assembly) add(seq uint8, piece []byte, ref uint64) (took bool, whole *Message) {
	if m.whole != nil && bytes.Equal(piece, m.at(seq)) {
		return m.addAgain(seq, ref)
	}
	if m.typ.V1() {
		return m.addV1(seq, piece, ref)
	}
	if m.whole != nil { // nothing but the whole message fits the digest
		return false, nil
	}
	same := 0
	for i := range m.parts {
		if p := &m.parts[i]; p.seq == seq {
			if bytes.Equal(p.piece, piece) {
				return false, nil
			}
			same++
		}
	}
	if same == variants || m.budget == 0 {
		return false, nil
	}
	m.keep(seq, piece, ref)
	if same == 0 {
		m.seen++
	}
	if m.seen < int(m.count) {
		return true, nil
	}
	if chosen := m.search(); chosen != nil {
		return true, m.complete(chosen)
	}
	return true, nil
}

// addV1 takes a piece of a message without digest: what differs from the piece held
// starts over.
func (m *assembly) addV1(seq uint8, piece []byte, ref uint64) (took bool, whole *Message) {
	for i := range m.parts {
		if p := &m.parts[i]; p.seq == seq {
			if bytes.Equal(p.piece, piece) {
				return false, nil
			}
			m.release()
			break
		}
	}
	m.keep(seq, piece, ref)
	m.seen++
	if m.seen < int(m.count) {
		return true, nil
	}
	chosen := make([]*part, m.count)
	for i := range m.parts {
		chosen[m.parts[i].seq] = &m.parts[i]
	}
	return true, m.complete(chosen)
}

// addAgain takes a piece that equals its part of the message completed last.
func (m *assembly) addAgain(seq uint8, ref uint64) (took bool, whole *Message) {
	r := &m.again
	if r.came == nil {
		r.came, r.refs = make([]bool, m.count), make([]uint64, m.count)
		m.held += 9 * int(m.count)
	}
	if r.came[seq] {
		return false, nil
	}
	r.came[seq], r.refs[seq] = true, ref
	if r.n++; r.n < int(m.count) {
		return true, nil
	}
	whole = m.message()
	whole.Refs, whole.Repeat = r.refs, true
	*r = repeat{}
	m.held -= 9 * int(m.count)
	return true, whole
}

// at returns the part of the message completed last that a chunk carries.
func (m *assembly) at(seq uint8) []byte {
	n := m.typ.piece()
	return m.whole[min(int(seq)*n, len(m.whole)):min((int(seq)+1)*n, len(m.whole))]
}

func (m *assembly) keep(seq uint8, piece []byte, ref uint64) {
	m.parts = append(m.parts, part{seq, bytes.Clone(piece), ref})
	m.held += costChunk + len(piece)
}

// release lets go of the chunks held.
func (m *assembly) release() {
	for i := range m.parts {
		m.held -= costChunk + len(m.parts[i].piece)
	}
	m.parts, m.seen = nil, 0
}

// search tries combinations of the chunks held, with the newest one in each, since
// all without it were tried before. It returns the one that fits the digest, by
// position, or nil.
func (m *assembly) search() []*part {
	newest := &m.parts[len(m.parts)-1]
	first := make([]*part, m.count)
	second := make([]*part, m.count)
	for i := range m.parts {
		p := &m.parts[i]
		if first[p.seq] == nil {
			first[p.seq] = p
		} else {
			second[p.seq] = p
		}
	}
	first[newest.seq], second[newest.seq] = newest, nil
	var open []int // positions with a choice
	for i, p := range second {
		if p != nil {
			open = append(open, i)
		}
	}
	chosen := make([]*part, m.count)
	h := sha256.New()
	for mask := uint(0); mask>>len(open) == 0 && m.budget > 0; mask++ {
		m.budget--
		copy(chosen, first)
		for bit, i := range open {
			if mask>>bit&1 == 1 {
				chosen[i] = second[i]
			}
		}
		h.Reset()
		for _, p := range chosen {
			h.Write(p.piece)
		}
		var sum [sha256.Size]byte
		if Digest(h.Sum(sum[:0])) == m.digest {
			return chosen
		}
	}
	return nil
}

// complete joins the chosen chunks and lets go of all that are held.
func (m *assembly) complete(chosen []*part) *Message {
	m.held -= len(m.whole)
	if m.again.came != nil {
		m.held -= 9 * int(m.count)
		m.again = repeat{}
	}
	m.whole = nil
	refs := make([]uint64, len(chosen))
	for i, p := range chosen {
		m.whole = append(m.whole, p.piece...)
		refs[i] = p.ref
	}
	m.release()
	m.held += len(m.whole)
	whole := m.message()
	whole.Refs = refs
	return whole
}

func (m *assembly) message() *Message {
	return &Message{
		Source: m.Source, Token: m.token, Type: m.typ,
		TargetSystem: m.targetSystem, TargetComponent: m.targetComponent,
		Digest: m.digest, Bytes: bytes.Clone(m.whole),
	}
}

func (m *assembly) partial() Partial {
	p := Partial{
		Source: m.Source, Token: m.token, Type: m.typ,
		TargetSystem: m.targetSystem, TargetComponent: m.targetComponent,
		Digest: m.digest, Seen: m.seen, Count: int(m.count),
		Spoiled: m.seen == int(m.count) && m.budget == 0,
	}
	for i := range m.parts {
		p.Refs = append(p.Refs, m.parts[i].ref)
	}
	return p
}
