package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	sumtlog "golang.org/x/mod/sumdb/tlog"

	"cqkit/pkg/merkle"
	"cqkit/pkg/tlog"
)

const (
	proofHeader       = "c2sp.org/tlog-proof@v1"
	consistencyHeader = "cqkit/consistency-proof/v1"

	// maxProofHashes is more than any tree of 2^63 leaves needs.
	maxProofHashes = 128
)

// Prover makes proofs about a log that fits its seal. It is not safe for concurrent
// use.
type Prover struct{ log *sealedLog }

// NewProver checks that the log fits its seal, else the error is [ErrNotSealed]. It
// needs no key and checks no signature; whoever verifies a proof does.
func NewProver(log Log, seal []byte, workers int) (*Prover, error) {
	s, err := openSealed(log, seal, workers)
	if err != nil {
		return nil, err
	}
	return &Prover{s}, nil
}

// NewProverInside is [NewProver] of a log whose seal stands inside it, and nowhere else.
// The error is [ErrNothingInside] if none inside fits the log.
func NewProverInside(log Log, workers int) (*Prover, error) {
	in, without, err := fitting(log, workers)
	if err != nil {
		return nil, err
	}
	s, err := openParsed(without.Log, without.places(), in.Parsed, workers)
	if err != nil {
		return nil, err
	}
	return &Prover{s}, nil
}

// Records returns how many records the seal covers.
func (p *Prover) Records() uint64 {
	return p.log.parsed.Last().Leaves - uint64(len(p.log.gaps))
}

// Notes returns how many notes the seal has.
func (p *Prover) Notes() int { return len(p.log.parsed.Notes) }

// Record returns the proof (C2SP tlog-proof) that the record with the given index,
// from 0, is in the log. The record itself is in it.
func (p *Prover) Record(record uint64) ([]byte, error) {
	leaf := p.log.leafOf(record)
	n := p.log.covering(leaf)
	if n == nil || record >= p.Records() {
		return nil, fmt.Errorf("there is no record %d: the seal covers records 0 to %d", record, int64(p.Records())-1)
	}
	var data []byte
	if err := p.log.each(leaf, leaf+1, func(d []byte, _ merkle.Hash) { data = bytes.Clone(d) }); err != nil {
		return nil, err
	}
	hashes, err := sumtlog.ProveRecord(int64(n.Leaves), int64(leaf), p.log)
	if err != nil {
		return nil, err
	}
	// The log may have changed since it was checked.
	if sumtlog.CheckRecord(hashes, int64(n.Leaves), sumtlog.Hash(n.Root), int64(leaf), sumtlog.RecordHash(data)) != nil {
		return nil, ErrNotSealed
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", proofHeader, base64.StdEncoding.EncodeToString(data), leaf)
	writeProof(&b, hashes)
	b.Write(n.encode())
	return b.Bytes(), nil
}

// Consistency returns the proof that the log as of one note is a beginning of the log
// as of a later one. Notes count from 0.
func (p *Prover) Consistency(earlier, later int) ([]byte, error) {
	notes := p.log.parsed.Notes
	if earlier < 0 || earlier >= later || later >= len(notes) {
		return nil, fmt.Errorf("the seal has %d notes: name two of them, the earlier one first", len(notes))
	}
	a, b := notes[earlier], notes[later]
	var hashes sumtlog.TreeProof
	if a.Leaves > 0 && a.Leaves < b.Leaves {
		var err error
		if hashes, err = sumtlog.ProveTree(int64(b.Leaves), int64(a.Leaves), p.log); err != nil {
			return nil, err
		}
		if sumtlog.CheckTree(hashes, int64(b.Leaves), sumtlog.Hash(b.Root), int64(a.Leaves), sumtlog.Hash(a.Root)) != nil {
			return nil, ErrNotSealed
		}
	}
	var out bytes.Buffer
	out.WriteString(consistencyHeader + "\n")
	writeProof(&out, hashes)
	out.Write(a.encode())
	out.WriteByte('\n')
	out.Write(b.encode())
	return out.Bytes(), nil
}

func writeProof(b *bytes.Buffer, hashes []sumtlog.Hash) {
	for _, h := range hashes {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteByte('\n')
}

// encode returns the whole note as it was read.
func (n *Note) encode() []byte {
	return append(bytes.Clone(n.text), "\n"+sigPrefix+n.Signer+" "+n.sig+"\n"...)
}

// ProofVerdict is what a proof proves.
type ProofVerdict struct {
	Outcome Outcome // Valid, Untrusted or Malformed
	Reason  string
	Note    *Note  // the note in it, nil if malformed; the later one of a consistency proof
	Key     *Key   // that verified it
	Record  []byte // the record, nil in a consistency proof
	Leaf    uint64 // its leaf number
	Index   int64  // its record index, -1 if the note is a later one that does not tell
	Earlier *Note  // of a consistency proof
}

// VerifyProof judges a record's or a consistency proof with nothing but the keys that
// count.
func VerifyProof(data []byte, keys []Key) *ProofVerdict {
	v := &ProofVerdict{Index: -1}
	p := &noteParser{rest: data}
	err := func() error {
		if len(data) > MaxSealBytes {
			return errors.New("the proof is too large")
		}
		line, err := p.next()
		if err != nil {
			return err
		}
		switch line {
		case proofHeader:
			return v.record(p, keys)
		case consistencyHeader:
			return v.consistency(p, keys)
		}
		return p.fail("not a proof: want the line %q", proofHeader)
	}()
	var untrusted untrustedError
	switch {
	case err == nil:
		v.Outcome = Valid
	case errors.As(err, &untrusted):
		v.Outcome, v.Reason, v.Record = Untrusted, err.Error(), nil
	default:
		if v.Outcome, v.Reason, v.Record = Malformed, err.Error(), nil; err == errTorn {
			v.Reason = "the proof is cut short"
		}
	}
	return v
}

// untrustedError says that a proof is by a key that does not count.
type untrustedError string

func (e untrustedError) Error() string { return string(e) }

// verifyNote checks the one note of a proof with the key it names.
func (v *ProofVerdict) verifyNote(n *Note, keys []Key) error {
	w := Verdict{Note: n}
	if err := w.checkKey(&Parsed{Notes: []*Note{n}}, keys); err != nil {
		if w.Outcome == Untrusted {
			v.Note = n
			return untrustedError(w.Reason)
		}
		return errors.New(w.Reason)
	}
	v.Note, v.Key = n, w.Key
	return nil
}

func (v *ProofVerdict) record(p *noteParser, keys []Key) error {
	b64, err := p.field("extra")
	if err != nil {
		return err
	}
	record, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || base64.StdEncoding.EncodeToString(record) != b64 {
		return p.fail("extra is not base64")
	}
	if tlog.RecordLen(record) != len(record) || len(record) == 0 {
		return p.fail("extra is not exactly one record")
	}
	s, err := p.field("index")
	if err != nil {
		return err
	}
	leaf, err := p.decimal("index", s)
	if err != nil {
		return err
	}
	hashes, err := p.hashes()
	if err != nil {
		return err
	}
	n, err := p.lastNote()
	if err != nil {
		return err
	}
	if leaf >= n.Leaves {
		return p.fail("leaf %d is not among the note's %d", leaf, n.Leaves)
	}
	index := int64(leaf)
	for _, g := range n.Gaps {
		if g.Leaf == leaf {
			return p.fail("leaf %d is a gap by the note, not a record", leaf)
		}
		if g.Leaf < leaf {
			index--
		}
	}
	if err := sumtlog.CheckRecord(hashes, int64(n.Leaves), sumtlog.Hash(n.Root), int64(leaf), sumtlog.RecordHash(record)); err != nil {
		return errors.New("the record is not in the sealed log: its inclusion proof does not hold")
	}
	if err := v.verifyNote(n, keys); err != nil {
		return err
	}
	if v.Record, v.Leaf = record, leaf; n.Prev == nil {
		v.Index = index
	}
	v.Reason = "the record is in the sealed log"
	return nil
}

func (v *ProofVerdict) consistency(p *noteParser, keys []Key) error {
	hashes, err := p.hashes()
	if err != nil {
		return err
	}
	a, err := p.note()
	if err != nil {
		return err
	}
	if line, err := p.next(); err != nil {
		return err
	} else if line != "" {
		return p.fail("want an empty line between the notes")
	}
	b, err := p.lastNote()
	if err != nil {
		return err
	}
	switch {
	case a.ID != b.ID || a.Key != b.Key || a.Signer != b.Signer:
		return errors.New("the two notes are not about the same log by the same signer")
	case a.Leaves > b.Leaves || a.Bytes > b.Bytes || a.Nonce >= b.Nonce:
		return errors.New("the first note is not the earlier one")
	case a.Leaves == 0 || a.Leaves == b.Leaves:
		if len(hashes) > 0 || a.Leaves > 0 && a.Root != b.Root {
			return errors.New("the consistency proof does not hold")
		}
	default:
		if err := sumtlog.CheckTree(hashes, int64(b.Leaves), sumtlog.Hash(b.Root), int64(a.Leaves), sumtlog.Hash(a.Root)); err != nil {
			return errors.New("the consistency proof does not hold")
		}
	}
	if err := v.verifyNote(a, keys); err != nil {
		return err
	}
	v.Earlier = a
	if err := v.verifyNote(b, keys); err != nil {
		return err
	}
	v.Reason = "the earlier log is a beginning of the later one"
	return nil
}

// hashes reads base64 hashes up to an empty line.
func (p *noteParser) hashes() ([]sumtlog.Hash, error) {
	var hashes []sumtlog.Hash
	for {
		line, err := p.next()
		if err != nil || line == "" {
			return hashes, err
		}
		h, ok := parseHash(line)
		if !ok || len(hashes) == maxProofHashes {
			return nil, p.fail("want the base64 of at most %d hashes", maxProofHashes)
		}
		hashes = append(hashes, h)
	}
}

// lastNote reads a note behind which nothing follows.
func (p *noteParser) lastNote() (*Note, error) {
	n, err := p.note()
	if err != nil {
		return nil, err
	}
	if len(p.rest) > 0 {
		return nil, p.fail("something follows the note")
	}
	if err := n.checkAlone(); err != nil {
		return nil, err
	}
	return n, nil
}

// checkAlone checks what can be checked of a note without those before it.
func (n *Note) checkAlone() error {
	if n.Prev == nil {
		return n.checkGaps(extentOf{})
	}
	at, leaf := int64(-1), uint64(0)
	for _, g := range n.Gaps {
		if g.Bytes == 0 || g.Offset <= at || g.Leaf < leaf || g.Leaf >= n.Leaves || g.Bytes > n.Bytes || g.Offset > n.Bytes-g.Bytes {
			return &MalformedError{Reason: "gaps overlap or are out of order"}
		}
		at, leaf = g.Offset+g.Bytes, g.Leaf+1
	}
	return nil
}

// IsProof reports whether data begins like a proof, not like a seal.
func IsProof(data []byte) bool {
	s := string(data[:min(len(data), 64)])
	return strings.HasPrefix(s, proofHeader+"\n") || strings.HasPrefix(s, consistencyHeader+"\n")
}
