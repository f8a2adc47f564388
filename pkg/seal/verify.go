package seal

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"

	"cqkit/pkg/tlog"
)

// Outcome is the first word of a verdict.
type Outcome string

// The outcomes, in the words that scripts rely on.
const (
	Valid      Outcome = "valid"      // the log is what was sealed, to its end
	Open       Outcome = "open"       // so far as the seal goes, but it has no final note
	Altered    Outcome = "altered"    // the log differs from what this signer sealed
	Foreign    Outcome = "foreign"    // hardly anything of what was sealed is in the log
	Superseded Outcome = "superseded" // a later seal of the same log is known
	Unsigned   Outcome = "unsigned"   // there is no seal
	Untrusted  Outcome = "untrusted"  // by a key that does not count
	Malformed  Outcome = "malformed"  // the seal itself was edited or damaged
)

// Verdict is what can be said about a log and its seal.
type Verdict struct {
	Outcome  Outcome
	Reason   string   // one sentence; may quote untrusted text of the seal
	Warnings []string // what weakens the detail but not the verdict

	Note  *Note // the note that counts, nil if the seal is missing or malformed
	Notes int   // notes that were verified

	SealedGaps uint64 // gaps that were sealed; the other leaves are records
	Key        *Key   // the key that verified it, nil otherwise
	Standing          // of the key, if it has something that says when it counts

	Covered   int64     // bytes of the log, from its start, that the seal vouches for
	Beyond    int64     // bytes behind what the seal covers
	Secrets   uint64    // SETUP_SIGNING frames met: each holds a MAVLink signing key
	Presented *Contents // what the log holds, nil if it was not looked at
	Findings  []Finding // in the order of the presented log

	// Inside means that the seal stands inside the log, or goes on there. Sizes and counts
	// are then those of the bare log, without the records that carry the seal, which Bare
	// reads; only where findings stand, their Offset, Bytes, Index and Leaf, is told for
	// the file as it is. Otherwise Bare is the log.
	Inside       bool
	Bare         Log
	Carriers     uint64 // records that carry the seal
	CarrierBytes int64

	// Agrees are seals inside a log that fits the seal beside it, by keys that count, which
	// it fits, too.
	Agrees []*Note

	bare *bareLog // nil unless there are carriers
}

// Request is a seal to check a log against.
type Request struct {
	Log   Log
	Seal  []byte
	Alone bool         // there is no Seal beside the log: one may stand inside it
	Index *Log         // the index file, nil without one
	Keys  []Key        // the keys that count
	Seeds *tlog.Seeds  // to cut a log that was altered
	Also  []*Reference // other sealed logs in which to look for inserted records

	// Known, if set, is asked whether a later note of the same key and origin has
	// been seen. It is asked only about notes that verify and fit the log.
	Known func(*Note) (superseded bool, err error)

	Workers int // goroutines that hash, with 1 the caller's; runtime.NumCPU if less than 1
}

// Verify judges a log. The error says that the log could not be read; whatever is
// wrong with log or seal is in the verdict.
func Verify(q Request) (*Verdict, error) {
	if q.Workers < 1 {
		q.Workers = runtime.NumCPU()
	}
	if q.Alone {
		return verifyInside(&q)
	}
	v := &Verdict{Bare: q.Log}
	p, err := Parse(q.Seal)
	if err != nil {
		v.Outcome, v.Reason = Malformed, err.Error()
		return v, nil
	}
	return v, v.judge(p, &q)
}

// judge judges a log by a seal that was parsed.
func (v *Verdict) judge(p *Parsed, q *Request) error {
	v.Note, v.Notes, v.SealedGaps = p.Last(), len(p.Notes), uint64(len(p.gapLeaves()))
	if err := v.checkKey(p, q.Keys); err != nil {
		return nil
	}
	index := startIndexCheck(q.Index, v.Note, q.Workers)
	found, err := walk(q.Log, v.bare.places(), p.Notes, q.Workers)
	indexErr := index()
	differs := err == errDiffers || err == nil && v.Note.Final && q.Log.Size > v.Note.Bytes
	if differs && v.bare == nil {
		with, err := v.takeOut(p, q)
		if err != nil || v.Outcome != "" {
			return err
		}
		if with != nil {
			return v.judge(with, q)
		}
	}
	v.Secrets = found.secrets
	if indexErr != nil {
		q.Index = nil
		v.warn("%v", indexErr)
	}
	if v.Note.Index == nil {
		q.Index = nil // there is nothing to check it with
	}
	v.tileWarnings(p)
	switch {
	case err == nil || err == errDiffers:
	case err == errSpan:
		v.Outcome, v.Reason = Malformed, err.Error()
		return nil
	default:
		return err
	}
	if found.holds > 0 {
		v.Covered = p.Notes[found.holds-1].Bytes
	}
	v.Beyond = max(0, q.Log.Size-v.Note.Bytes)
	if differs {
		return v.explain(p, q, err == nil)
	}
	if found.chunks && v.bare == nil {
		if err := v.alsoInside(q); err != nil {
			return err
		}
	}
	return v.conclude(p, q)
}

// checkKey finds the key of the seal and verifies every note with it. It returns an
// error if that settles the verdict.
func (v *Verdict) checkKey(p *Parsed, keys []Key) error {
	for i := range keys {
		if keys[i].Fingerprint == v.Note.Key {
			v.Key = &keys[i]
		}
	}
	if v.Key == nil {
		v.Outcome = Untrusted
		v.Reason = fmt.Sprintf("the seal names the key %s, which is not among the keys given", v.Note.Key)
		return errors.New(v.Reason)
	}
	for i, n := range p.Notes {
		if err := n.verify(*v.Key); err != nil {
			v.Outcome, v.Key = Malformed, nil
			v.Reason = "the signature does not hold: the seal was edited after signing"
			if len(p.Notes) > 1 {
				v.Reason = fmt.Sprintf("note %d: %s", i+1, v.Reason)
			}
			return err
		}
	}
	return v.checkTrust(p)
}

func (v *Verdict) tileWarnings(p *Parsed) {
	if p.TilesErr != nil {
		v.warn("%v: ignored", p.TilesErr)
	} else if p.Tiles == nil && v.Note.Leaves > 0 && v.Note.Final {
		v.warn("the seal has lost its tiles")
	}
	if p.Torn {
		v.warn("the seal ends inside a further note, which is left out")
	}
}

func (v *Verdict) warn(format string, args ...any) {
	v.Warnings = append(v.Warnings, fmt.Sprintf(format, args...))
}

// conclude judges a log that fits all notes.
func (v *Verdict) conclude(p *Parsed, q *Request) error {
	v.Presented = &Contents{
		Records: v.Note.Leaves - v.SealedGaps, Gaps: v.SealedGaps, Bytes: q.Log.Size,
		HasSpan: v.Note.HasSpan, First: v.Note.First, Last: v.Note.Last,
	}
	if q.Known != nil {
		superseded, err := q.Known(v.Note)
		if err != nil {
			return err
		}
		if superseded {
			v.Outcome, v.Reason = Superseded, "the log fits this seal, but a later seal of the same log has been seen"
			return nil
		}
	}
	if v.Note.Final {
		v.Outcome, v.Reason = Valid, "the log is what was sealed, unchanged and complete"
		return nil
	}
	v.Outcome = Open
	v.Reason = "the log is what was sealed so far as the seal goes, but the seal has no final note"
	if v.Beyond > 0 {
		v.Reason += fmt.Sprintf("; the last %s bytes are not covered", thousands(v.Beyond))
	}
	return nil
}

// thousands formats a number that is not negative with commas: "12,001".
func thousands(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
