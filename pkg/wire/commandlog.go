package wire

import (
	"bufio"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"

	"cqkit/pkg/chunk"
	"cqkit/pkg/tlog"
)

// CarrierComponent is the component that chunks in a recording come from, of the
// system whose frames they speak of: MAV_COMP_ID_TUNNEL_NODE.
const CarrierComponent = 242

// SignOptions say how the commands of a log are signed.
type SignOptions struct {
	// Wanted chooses the frames to sign, of those whose checksum holds; nil means
	// StateChanging. Chunks are never signed.
	Wanted func(tlog.Frame) bool
	// Workers is how many goroutines sign; 0 means all cores.
	Workers int
	// Component is what the chunks come from, of the system whose frames they speak of; 0
	// means CarrierComponent. Another one is for a log in which that one has frames
	// already, whose sequence numbers must not be mixed.
	Component uint8
	// Origin names this signing; the zero Origin draws one at random. It must not be
	// used twice, but to make the same log again.
	Origin Origin
}

// SignSummary is what became of a log.
type SignSummary struct {
	Format    tlog.Format
	Origin    Origin
	Bytes     int64 // read
	Written   int64 // bytes
	Records   int64 // read
	GapBytes  int64
	Commands  int64 // statements written
	Chunks    int64 // frames they are cut into
	Signed    int64 // statements that the log carried already, or their beginnings
	Notes     int64 // notes of a seal inside the log, which does not hold for its copy
	ByMessage map[uint32]int64
}

// signing is one run of SignLog.
type signing struct {
	o        SignOptions
	key      Signer
	signer   Fingerprint
	out      *bufio.Writer
	format   tlog.Format
	sum      *SignSummary
	sequence map[uint8]uint8 // of the chunks, by system
}

// piece is a stretch of the input, and the command at its end, if there is one.
type piece struct {
	end     int // in the data of the batch
	command Command
	time    [tlog.TimeSize]byte
	message []byte
	err     error
}

const (
	signBytes    = 1 << 20 // of a batch
	signCommands = 64      // of a batch, per worker
)

// SignLog copies the log that r holds to w, byte for byte, with a statement in chunks behind
// each frame that o chooses, signed with key, whose fingerprint signer is. The chunks' records have the time of the frame's.
// It reads the log once and holds a few megabytes of it. The error is that of r, w
// or key; what was written by then is of no use.
func SignLog(w io.Writer, r io.Reader, seeds *tlog.Seeds, key Signer, signer Fingerprint, o SignOptions) (*SignSummary, error) {
	if o.Wanted == nil {
		o.Wanted = StateChanging
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Component == 0 {
		o.Component = CarrierComponent
	}
	head := bufio.NewReaderSize(r, tlog.HeadSize)
	first, err := head.Peek(tlog.HeadSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	s := &signing{o: o, key: key, signer: signer, out: bufio.NewWriterSize(w, 1<<16), sequence: map[uint8]uint8{}}
	s.format = tlog.Detect(first, seeds).Format
	s.sum = &SignSummary{Format: s.format, ByMessage: map[uint32]int64{}}
	if s.sum.Origin = o.Origin; o.Origin == (Origin{}) {
		rand.Read(s.sum.Origin[:]) // it never fails, nor returns all zeros in the life of the universe
	}
	scan := tlog.NewScanner(head, seeds, s.format)
	var data []byte
	var pieces []piece
	for {
		seg, err := scan.Next()
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == io.EOF || len(data) >= signBytes || len(pieces) >= signCommands*o.Workers {
			if err := s.write(data, pieces); err != nil {
				return nil, err
			}
			data, pieces = data[:0], pieces[:0]
		}
		if err == io.EOF {
			return s.sum, s.out.Flush()
		}
		data = append(data, seg.Data...)
		s.sum.Bytes += int64(len(seg.Data))
		if seg.Kind == tlog.Gap {
			s.sum.GapBytes += int64(len(seg.Data))
			continue
		}
		if p, ok := s.choose(seg); ok {
			p.end = len(data)
			pieces = append(pieces, p)
		}
		s.sum.Records++
	}
}

// choose makes the command of a record that is to be signed.
func (s *signing) choose(seg *tlog.Segment) (piece, bool) {
	f := seg.Frame()
	if f.ID() == chunk.MessageID && f.Version() == 2 {
		switch c, err := chunk.Parse(f.Payload()); {
		case err != nil || c.Seq != 0:
		case c.Type == chunk.Command:
			s.sum.Signed++
		case c.Type == chunk.Note:
			s.sum.Notes++
		}
		return piece{}, false
	}
	if seg.Check != tlog.OK || !s.o.Wanted(f) {
		return piece{}, false
	}
	c := CommandOf(f)
	c.Payload = slices.Clone(c.Payload)
	c.Signer, c.Origin = s.signer, s.sum.Origin
	s.sum.Commands++
	s.sum.ByMessage[c.ID]++
	c.Nonce, c.Record, c.Time = uint64(s.sum.Commands), uint64(s.sum.Records), seg.Time()
	p := piece{command: c}
	copy(p.time[:], seg.Data)
	return p, true
}

// write signs the commands of a batch and writes it.
func (s *signing) write(data []byte, pieces []piece) error {
	jobs := make(chan *piece, len(pieces))
	for i := range pieces {
		jobs <- &pieces[i]
	}
	close(jobs)
	var wg sync.WaitGroup
	for range min(s.o.Workers, len(pieces)) {
		wg.Go(func() {
			for p := range jobs {
				p.message, p.err = p.command.Sign(s.key)
			}
		})
	}
	wg.Wait()
	done := 0
	var frames []byte
	for i := range pieces {
		p := &pieces[i]
		if p.err != nil {
			return p.err
		}
		var err error
		if frames, err = s.appendChunks(frames[:0], p); err != nil {
			return err
		}
		n, err := s.out.Write(data[done:p.end])
		m, err2 := s.out.Write(frames)
		if s.sum.Written += int64(n + m); err != nil || err2 != nil {
			return errors.Join(err, err2)
		}
		done = p.end
	}
	n, err := s.out.Write(data[done:])
	s.sum.Written += int64(n)
	return err
}

// appendChunks appends the records of a statement's chunks.
func (s *signing) appendChunks(b []byte, p *piece) ([]byte, error) {
	chunks, err := p.command.chunks(p.message)
	if err != nil {
		return nil, err
	}
	system := p.command.Source.System
	for i := range chunks {
		if s.format == tlog.Timed {
			b = append(b, p.time[:]...)
		}
		b = chunks[i].AppendFrame(b, s.sequence[system], system, s.o.Component)
		s.sequence[system]++
	}
	s.sum.Chunks += int64(len(chunks))
	return b, nil
}

// chunks cuts the command's message.
func (c *Command) chunks(message []byte) ([]chunk.Chunk, error) {
	return chunk.Cut(chunk.Chunk{
		Token: uint16(c.Nonce), TargetSystem: c.Target.System, TargetComponent: c.Target.Component, Type: chunk.Command,
	}, message)
}
