package wire

import "bytes"

// findCopies looks for the same frame right behind r, which someone heard twice.
func (m *matcher) findCopies(r *record) {
	if r.Time == 0 {
		return
	}
	for pos := r.pos + 1; pos <= r.pos+copyRecords; pos++ {
		c := m.at(pos)
		if c == nil {
			return
		}
		if later := c.Time - r.Time; later > 0 && later <= DoubledMicros && len(c.taken) == 0 && !c.copied && bytes.Equal(c.frame, r.frame) {
			c.copied = true
			r.copies++
		}
	}
}

// doubled takes note of a message, and reports whether it is a second copy of one that
// was heard twice, which counts with the first.
func (m *matcher) doubled(s *statement) bool {
	k := messageKey{s.from, s.token, s.digest}
	if s.repeat {
		if was, ok := m.recent[k]; ok && was.first.Time != 0 {
			if later := s.first.Time - was.first.Time; later > 0 && later <= DoubledMicros {
				*was.copies++
				return true
			}
		}
	}
	if _, ok := m.recent[k]; !ok {
		m.order = append(m.order, k)
	}
	s.copies = new(int)
	m.recent[k] = recent{first: s.first, copies: s.copies}
	if len(m.order) > 2*maxPending {
		for _, old := range m.order[:maxPending] {
			delete(m.recent, old)
		}
		m.order = append(m.order[:0], m.order[maxPending:]...)
	}
	return false
}
