package wire

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"cqkit/pkg/chunk"
)

// How far apart, in records that are no chunks, things are that belong together;
// docs/wire-v2.md, "Judging a recording".
const (
	reach         = 4096 // of a statement, to the frame it speaks of
	reachMicros   = 30_000_000
	besideRecords = 32 // to a frame that was changed
	timeRecords   = 64 // to prefer a frame at the time that was signed
	copyRecords   = 64 // between two copies of a frame
	keptRecords   = 2*reach + copyRecords + 1
	maxPending    = 1024
)

// matcher finds out which frame each statement speaks of. It is given the events of a
// log in order.
type matcher struct {
	kept    []*record // a ring: kept[pos % len]
	next    int64     // pos of the next record
	oldest  int64     // pos of the oldest one kept
	pending []*statement
	series  map[seriesKey]int
	seen    map[seriesNonce]bool // nonces that an exact frame was found for
	recent  map[messageKey]recent
	order   []messageKey // of recent
	hash    maphash.Seed

	findings []Finding
	unsigned []int // findings, by pos
	weak     []int // findings of statements that do not count, of which some have a frame
	summary  map[Verdict]int64
	dropped  int64
}

// seriesKey is what nonces count in.
type seriesKey struct {
	signer, receiver Fingerprint
	session          SessionID
	origin           Origin
	v1               bool
}

type seriesNonce struct {
	series int
	nonce  uint64
}

// messageKey is what the assembler tells messages apart by.
type messageKey struct {
	from   Address
	token  uint16
	digest chunk.Digest
}

// recent is a message that came not long ago.
type recent struct {
	first  Place
	copies *int
}

func newMatcher() *matcher {
	return &matcher{
		kept: make([]*record, keptRecords), series: map[seriesKey]int{}, seen: map[seriesNonce]bool{},
		recent: map[messageKey]recent{}, summary: map[Verdict]int64{}, hash: maphash.MakeSeed(),
	}
}

func (m *matcher) add(e *event) {
	if e.record != nil {
		m.addRecord(e.record)
		return
	}
	s := e.statement
	switch {
	case s.message == nil:
		m.addWeak(s, s.whole())
	case m.doubled(s):
	case s.err != nil:
		m.addWeak(s, s.err)
	default:
		m.addGenuine(s)
	}
}

func (m *matcher) addRecord(r *record) {
	for len(m.pending) > 0 && m.pending[0].lastPos+reach < r.pos {
		m.resolve()
	}
	if m.next-m.oldest == int64(len(m.kept)) {
		m.retire()
	}
	m.kept[r.pos%int64(len(m.kept))] = r
	m.next = r.pos + 1
}

// at returns the record at pos, nil if it is not kept.
func (m *matcher) at(pos int64) *record {
	if pos < m.oldest || pos >= m.next {
		return nil
	}
	return m.kept[pos%int64(len(m.kept))]
}

// retire lets go of the oldest record, for which all has been decided.
func (m *matcher) retire() {
	r := m.at(m.oldest)
	m.oldest++
	if len(r.taken) == 0 && (!r.wanted || r.copied) {
		return
	}
	m.findCopies(r)
	for _, t := range r.taken {
		m.findings[t.finding].Copies += r.copies
	}
	if len(r.taken) > 0 {
		return
	}
	f := Finding{
		Verdict: Unsigned, Reason: "no statement speaks of it", Place: r.Place, HasFrame: true,
		HasCommand: true, ID: r.id, Source: r.from, Number: number(r.id, r.payload), pos: r.pos, Copies: r.copies,
	}
	if m.room(Unsigned) {
		m.unsigned = append(m.unsigned, len(m.findings))
		m.findings = append(m.findings, f)
	}
}

// room counts a finding of a kind that strangers can cause at will, and reports whether
// it can be kept.
func (m *matcher) room(v Verdict) bool {
	m.summary[v]++
	if m.summary[v] > MaxFindings {
		m.dropped++
		return false
	}
	return true
}

// addGenuine takes a statement that verifies.
func (m *matcher) addGenuine(s *statement) {
	c := s.command
	k := seriesKey{c.Signer, c.Receiver, c.Session, c.Origin, s.typ == chunk.SignedCommand}
	series, ok := m.series[k]
	if !ok {
		series = len(m.series)
		m.series[k] = series
	}
	s.series = series
	if r := m.at(s.firstPos - 1); r != nil && s.exact(r) && (!c.Logged() || r.Time == c.Time) {
		m.take(s, r)
		return
	}
	if m.pending = append(m.pending, s); len(m.pending) > maxPending {
		m.resolve()
	}
}

// exact reports whether r is the frame that s speaks of, taken by no other statement of
// the series.
func (s *statement) exact(r *record) bool {
	c := s.command
	return r.sound && r.id == c.ID && r.from == c.Source && bytes.Equal(r.payload, c.Payload) && s.free(r) && s.inReach(r)
}

func (s *statement) free(r *record) bool {
	return !slices.ContainsFunc(r.taken, func(t taken) bool { return t.series == s.series })
}

// inReach checks the time between a frame and the chunks, unless nothing is between
// them.
func (s *statement) inReach(r *record) bool {
	return s.distance(r.pos) <= 1 || r.Time >= s.first.Time-reachMicros && r.Time <= s.last.Time+reachMicros
}

// distance is how far a record is from the chunks: records directly in front of them
// or between them first, then the one directly behind, and so on.
func (s *statement) distance(pos int64) int64 {
	switch {
	case pos < s.firstPos:
		return 2 * (s.firstPos - 1 - pos)
	case pos < s.lastPos:
		return 0
	}
	return 2*(pos-s.lastPos) + 1
}

// resolve decides on the statement that has waited longest.
func (m *matcher) resolve() {
	s := m.pending[0]
	m.pending = m.pending[1:]
	if r := m.nearest(s, reach, func(r *record) bool { return s.exact(r) }, func(s, other *statement) bool {
		return other.series == s.series && other.command.ID == s.command.ID && other.command.Source == s.command.Source &&
			bytes.Equal(other.command.Payload, s.command.Payload)
	}); r != nil {
		m.take(s, r)
		return
	}
	f := m.genuine(s)
	var r *record
	if !m.seen[seriesNonce{s.series, s.command.Nonce}] {
		r = m.beside(s)
	}
	if r != nil {
		f.frame(r)
		r.taken = append(r.taken, taken{s.series, len(m.findings)})
	}
	m.findings = append(m.findings, f)
}

// beside returns the frame that stands where the one should that s speaks of.
func (m *matcher) beside(s *statement) *record {
	c := s.command
	r := m.nearest(s, besideRecords, func(r *record) bool {
		return len(r.taken) == 0 && r.id == c.ID && r.from == c.Source && s.inReach(r)
	}, func(s, other *statement) bool { return other.command.ID == c.ID && other.command.Source == c.Source })
	if r != nil {
		return r
	}
	r = m.at(s.firstPos - 1)
	if r == nil || len(r.taken) > 0 || !s.inReach(r) {
		return nil
	}
	if r.wanted || !r.sound || c.Logged() && r.Time == c.Time && (r.id == c.ID || r.from == c.Source) {
		return r
	}
	return nil
}

// nearest returns the nearest record to s that fits and to which no rival among the
// statements that wait is nearer, nil if there is none.
func (m *matcher) nearest(s *statement, within int64, fits func(*record) bool, rival func(s, other *statement) bool) *record {
	var found []*record
	for pos := max(m.oldest, s.firstPos-within); pos < min(m.next, s.lastPos+within); pos++ {
		if r := m.at(pos); fits(r) {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil
	}
	atTime := func(s *statement, r *record) bool {
		return s.command.Logged() && r.Time == s.command.Time && s.distance(r.pos) <= 2*timeRecords
	}
	rank := func(s *statement, r *record) int64 {
		if d := s.distance(r.pos); !atTime(s, r) {
			return d + 1
		}
		return 0
	}
	slices.SortStableFunc(found, func(x, y *record) int { return cmp.Compare(rank(s, x), rank(s, y)) })
	for _, r := range found {
		mine := rank(s, r)
		if !slices.ContainsFunc(m.pending, func(other *statement) bool { return rival(s, other) && rank(other, r) < mine }) {
			return r
		}
	}
	return nil
}

// take notes that s speaks of r.
func (m *matcher) take(s *statement, r *record) {
	f := m.genuine(s)
	f.frame(r)
	f.exact, f.content = true, m.content(r)
	m.seen[seriesNonce{s.series, s.command.Nonce}] = true
	r.taken = append(r.taken, taken{s.series, len(m.findings)})
	m.findings = append(m.findings, f)
}

// content hashes what a statement says of a frame.
func (m *matcher) content(r *record) uint64 {
	var h maphash.Hash
	h.SetSeed(m.hash)
	h.Write([]byte{byte(r.id), byte(r.id >> 8), byte(r.id >> 16), r.from.System, r.from.Component})
	h.Write(r.payload)
	return h.Sum64()
}

func (f *Finding) frame(r *record) {
	f.Place, f.HasFrame, f.HasCommand, f.ID, f.Source, f.pos = r.Place, true, true, r.id, r.from, r.pos
	f.Number = number(r.id, r.payload)
}
