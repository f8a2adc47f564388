package wire

import (
	"io"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/tlog"
)

// SessionMessage is a message of a handshake that was found in a log.
type SessionMessage struct {
	Place          // of its first chunk
	From   Address // of the chunks; anyone can claim any
	Type   chunk.Type
	Chunks int
	Bytes  []byte
}

// SessionLog is what a log was that messages were looked for in.
type SessionLog struct {
	Records    int64 // with checksums that hold
	Incomplete int   // messages of which parts are missing, or none that was tried fits
}

// IsHandshake reports whether a file begins as the message of a handshake does, and no log.
func IsHandshake(file []byte) bool {
	return len(file) >= headSize && file[0] == version && file[1] >= kindOffer && file[1] <= kindConfirm
}

// EachSessionMessage finds the messages of handshakes in the log that r holds, and calls fn
// with each that is whole, in the order of their last chunks. The error is r's or fn's. What
// it holds does not grow with the log.
func EachSessionMessage(r io.Reader, seeds *tlog.Seeds, fn func(*SessionMessage) error) (log SessionLog, err error) {
	assembler := chunk.NewAssembler(chunk.Limits{
		MaxBytes: assemblerBytes, MaxAge: assemblerAge,
		Dropped: func(chunk.Partial) { log.Incomplete++ },
	})
	var places []Place // of chunks, by number
	begin, index := uint64(0), int64(0)
	err = EachRecord(r, seeds, func(seg *tlog.Segment) error {
		if seg.Kind != tlog.Record {
			return nil
		}
		at := Place{Index: index, Offset: seg.Offset, Time: seg.Time()}
		index++
		if seg.Check == tlog.OK {
			log.Records++
		}
		f := seg.Frame()
		if f.ID() != chunk.MessageID || f.Version() != 2 || seg.Check != tlog.OK {
			return nil
		}
		c, err := chunk.Parse(f.Payload())
		if err != nil || c.Type != chunk.Offer && c.Type != chunk.Answer && c.Type != chunk.Confirm {
			return nil
		}
		if len(places) >= 1<<18 { // far more than an assembler of that size holds
			places = append(places[:0], places[len(places)/2:]...)
			begin += 1 << 17
		}
		number := begin + uint64(len(places))
		places = append(places, at)
		messages, err := assembler.Add(chunk.Source{System: f.System(), Component: f.Component()}, c, time.Duration(clampMicros(at.Time))*time.Microsecond, number)
		if err != nil {
			return nil
		}
		for _, m := range messages {
			first := m.Refs[0]
			for _, ref := range m.Refs {
				first = min(first, ref)
			}
			found := SessionMessage{Place: places[max(first, begin)-begin], From: Address(m.Source), Type: m.Type, Chunks: len(m.Refs), Bytes: m.Bytes}
			if err := fn(&found); err != nil {
				return err
			}
		}
		return nil
	}, nil)
	log.Incomplete += len(assembler.Pending())
	return log, err
}
