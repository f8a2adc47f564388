package wire

import (
	"errors"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/pqsig"
)

// number returns which command a COMMAND_LONG or COMMAND_INT is.
func number(id uint32, payload []byte) uint16 {
	if id == mav.IDCommandLong || id == mav.IDCommandInt {
		return mav.CommandOf(payload)
	}
	return 0
}

// genuine returns the finding of a statement that verifies, without a frame.
func (m *matcher) genuine(s *statement) Finding {
	f := s.finding()
	f.series = s.series
	return f
}

// finding returns what is known of a statement by itself.
func (s *statement) finding() Finding {
	f := Finding{
		Place: s.first, Statement: s.first, HasStatement: true, V1: s.typ == chunk.SignedCommand, Chunks: s.chunks, Seen: s.seen,
		pos: s.firstPos, firstPos: s.firstPos, system: s.from.System, copyCount: s.copies,
	}
	if c := s.command; c != nil {
		f.HasClaims, f.HasCommand, f.ID, f.Source, f.Number = true, true, c.ID, c.Source, number(c.ID, c.Payload)
		f.Logged, f.Signer, f.Receiver, f.Session, f.Origin = c.Logged(), c.Signer, c.Receiver, c.Session, c.Origin
		f.Nonce, f.Record, f.SignedTime = c.Nonce, c.Record, c.Time
	}
	return f
}

// addWeak takes a statement that does not count.
func (m *matcher) addWeak(s *statement, err error) {
	f := s.finding()
	f.Verdict, f.Reason = Forged, reason(err)
	if errors.Is(err, errIncomplete) || errors.Is(err, errContradictory) {
		f.Verdict = Incomplete
	}
	if m.room(f.Verdict) {
		m.weak = append(m.weak, len(m.findings))
		m.findings = append(m.findings, f)
	}
}

// reason says why a statement does not count. It holds nothing from the log.
func reason(err error) string {
	switch {
	case errors.Is(err, pqsig.ErrBadSignature):
		return "the signature does not verify"
	case errors.Is(err, ErrMalformed):
		return "it is not spelled as a statement is"
	}
	return err.Error()
}
