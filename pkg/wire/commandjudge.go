package wire

import (
	"io"
	"maps"
	"runtime"
	"sync"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

// Verdict is what a command in a log comes to; docs/wire-v2.md, "Judging a recording".
type Verdict string

// The verdicts.
const (
	Authentic  Verdict = "authentic"  // verified, in order, and the frame it speaks of is there
	Replayed   Verdict = "replayed"   // its nonce is not above the last accepted
	Forged     Verdict = "forged"     // complete, but not signed by a key that counts
	Altered    Verdict = "altered"    // verified, but the frame beside it is another one
	Orphaned   Verdict = "orphaned"   // verified, but its frame is gone
	Incomplete Verdict = "incomplete" // some of its chunks are missing
	Unsigned   Verdict = "unsigned"   // a frame that no statement speaks of
)

// Verdicts returns all verdicts.
func Verdicts() []Verdict {
	return []Verdict{Authentic, Replayed, Forged, Altered, Orphaned, Incomplete, Unsigned}
}

// MaxFindings is how many findings of a verdict that strangers can cause at will (unsigned, incomplete
// and forged) a Judgement holds.
const MaxFindings = 100_000

// Place is where a record stands in a log.
type Place struct {
	Index  int64 // of the record, from 0
	Offset int64 // in bytes
	Time   int64 // of the recorder, µs since 1970 UTC; 0 in raw captures
}

// Finding is one command in a log.
type Finding struct {
	Verdict Verdict
	Reason  string // why it is not authentic, for people, without anything from the log

	// Place is that of the command's frame, and of the first chunk without one.
	Place
	HasFrame bool

	// ID and Source are those of the frame; without one, what the statement says.
	HasCommand bool // they are known
	ID         uint32
	Source     Address
	Number     uint16 // of the command (MAV_CMD) in a COMMAND_LONG or COMMAND_INT, else 0

	// Statement is where the first chunk of the statement stands. The rest says what is
	// in it. HasClaims is false for what could not be read; what a forged one says is
	// only claimed. All of it is zero for unsigned frames.
	HasStatement bool
	HasClaims    bool
	Statement    Place
	V1           bool
	Logged       bool // made after capture
	Signer       Fingerprint
	Receiver     Fingerprint
	Session      SessionID
	Origin       Origin
	Nonce        uint64
	Record       uint64 // index and time of the record that was signed, after capture
	SignedTime   int64
	Chunks, Seen int

	// Copies is how often the same was heard again within DoubledMicros.
	Copies int

	series    int
	pos       int64  // of the frame among the records that are no chunks
	exact     bool   // the frame is the one the statement speaks of
	content   uint64 // of the frame, hashed; equal for equal commands
	system    uint8  // of the chunks' sender
	firstPos  int64  // how many records that are no chunks stand before the first chunk
	copyCount *int   // of the message
}

// DoubledMicros is the time within which a second copy of a frame or a message is taken
// for the same one heard twice.
const DoubledMicros = 500_000

// Judgement is what was found in a log.
type Judgement struct {
	Format  tlog.Format
	Bytes   int64
	Records int64 // of all kinds, chunks included
	First   int64 // times of the first and the last record, as in Place
	Last    int64
	Chunks  int64 // frames with chunks of commands

	Findings []Finding // in the order of the log
	Summary  map[Verdict]int64
	Dropped  int64 // findings beyond MaxFindings; they are in the summary

	// Recaptured is how many logged commands stand at another time than was signed,
	// because the log was captured anew.
	Recaptured int64

	// Missing is how many statements made after capture are not there, or do not
	// count: nonces count from 1 in each signing of a log, so those below the
	// greatest must be there. Those after it nobody can miss.
	Missing int64
}

// JudgeOptions say how commands are judged. Without keys all statements are forged.
type JudgeOptions struct {
	// Keys returns the key with a fingerprint, nil if none is known. us is when the
	// statement was made as far as is known, µs since 1970 UTC: what it says of
	// the record after capture, else the time of its first chunk, 0 in a raw
	// capture. An error, whose text becomes the reason, says that
	// the key does not count at that time. It is called from several goroutines.
	Keys func(f Fingerprint, us int64) (*pqsig.PublicKey, error)
	// Wanted chooses the frames that are commands; nil means StateChanging.
	Wanted func(tlog.Frame) bool
	// V1 reads and verifies a message of chunk type SignedCommand from the given source, as
	// CleitonQ makes them, and names the key that fits as Signer. The error is
	// ErrMalformed or another one. Nil means that such messages do not count. It is
	// called from several goroutines.
	V1 func(message []byte, from Address) (*Command, error)
	// Workers is how many goroutines verify; 0 means all cores. It changes no finding.
	Workers int
}

// Seeds returns what JudgeLog and SignLog need to check checksums: those of all messages
// that package mav knows, and of the chunks.
func Seeds() *tlog.Seeds {
	return tlog.SeedsFrom(func() map[uint32]byte {
		seeds := maps.Clone(mav.Seeds())
		seeds[chunk.MessageID] = chunk.CRCExtra
		return seeds
	})
}

// JudgeLog judges the commands in the log that r holds, to its end. It reads the log once,
// in memory that grows with what it finds and nothing else. It returns r's error if
// reading failed. It may be called concurrently.
func JudgeLog(r io.Reader, seeds *tlog.Seeds, o JudgeOptions) (*Judgement, error) {
	if o.Keys == nil {
		o.Keys = func(Fingerprint, int64) (*pqsig.PublicKey, error) { return nil, nil }
	}
	if o.Wanted == nil {
		o.Wanted = StateChanging
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	w, err := newWalk(r, seeds, &o)
	if err != nil {
		return nil, err
	}
	batches := make(chan *stretch, 1)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(batches)
		for {
			b := w.next()
			select {
			case batches <- b:
			case <-stop:
				return
			}
			if b.err != nil {
				return
			}
		}
	}()
	m := newMatcher()
	for b := range batches {
		b.verify(&o)
		for i := range b.events {
			m.add(&b.events[i])
		}
		if b.err == io.EOF {
			break
		}
		if b.err != nil {
			return nil, b.err
		}
	}
	j := m.finish()
	j.Format, j.Bytes, j.Records, j.First, j.Last, j.Chunks = w.format, w.bytes, w.records, w.first, w.last, w.chunks
	return j, nil
}

// verify verifies the messages of a batch.
func (b *stretch) verify(o *JudgeOptions) {
	jobs := make(chan *statement, len(b.statements))
	for _, s := range b.statements {
		jobs <- s
	}
	close(jobs)
	var wg sync.WaitGroup
	for range min(o.Workers, len(b.statements)) {
		wg.Go(func() {
			for s := range jobs {
				s.verify(o)
			}
		})
	}
	wg.Wait()
}

// verify fills in what the message says and whether that is signed. It looks at
// nothing but the message, so it does not matter who calls it when.
func (s *statement) verify(o *JudgeOptions) {
	if s.typ == chunk.SignedCommand {
		s.command, s.err = o.V1(s.message, s.from)
		return
	}
	if s.command, s.err = ParseCommand(s.message); s.err != nil {
		return
	}
	at := s.first.Time
	if s.command.Logged() {
		at = s.command.Time
	}
	key, err := o.Keys(s.command.Signer, at)
	switch {
	case err != nil:
		s.err = err
	case key == nil:
		s.err = ErrUnknownSigner
	default:
		s.err = s.command.verify(s.message, key)
	}
}
