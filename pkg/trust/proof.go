package trust

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Attestation is something that may show how old a note is. It is one of the two.
type Attestation struct {
	Cosignature *Cosignature
	Timestamp   []byte // RFC 3161 token, DER
}

// Proof shows that a note was there, signature and all.
type Proof struct {
	Time time.Time // at the latest
	By   string    // who says so: "the witness …", "the timestamp authority …"; sanitise before printing
}

// ErrStranger means that an attestation is by somebody the verifier has not named. It
// may be as good as any; here it counts for nothing.
var ErrStranger = errors.New("by none of those given")

// Date checks attestations of a note, whose text ends with its last line's LF and whose
// whole goes on with an empty line and the signature line. It returns the proof that
// goes back furthest, nil without any, and why attestations count for nothing.
func (r *Registry) Date(text, note []byte, attestations []Attestation) (*Proof, []error) {
	var best *Proof
	var problems []error
	for _, a := range attestations {
		p, err := r.check(text, note, a)
		switch {
		case err != nil:
			problems = append(problems, err)
		case best == nil || p.Time.Before(best.Time):
			best = p
		}
	}
	return best, problems
}

func (r *Registry) check(text, note []byte, a Attestation) (*Proof, error) {
	if c := a.Cosignature; c != nil {
		for _, w := range r.witnesses {
			if !c.by(w) {
				continue
			}
			if err := w.Verify(text, c); err != nil {
				return nil, err
			}
			return &Proof{c.Time, "the witness " + named(w.Label, w.Name)}, nil
		}
		return nil, fmt.Errorf("the cosignature of %q is %w as witnesses", c.Name, ErrStranger)
	}
	at, by, err := stamp(a.Timestamp, note, r.authorities)
	if err != nil {
		return nil, fmt.Errorf("a timestamp counts for nothing: %w", err)
	}
	return &Proof{at, "the timestamp authority " + named(by.Label, by.Subject())}, nil
}

func named(label, name string) string {
	if label != "" {
		return label
	}
	return fmt.Sprintf("%q", name)
}

// Equal reports whether two attestations are the same, byte for byte.
func (a Attestation) Equal(b Attestation) bool {
	if a.Cosignature != nil && b.Cosignature != nil {
		return a.Cosignature.String() == b.Cosignature.String()
	}
	return a.Cosignature == nil && b.Cosignature == nil && bytes.Equal(a.Timestamp, b.Timestamp)
}
