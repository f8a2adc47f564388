package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// ListContext is the context string under which a root signs its list (FIPS 205,
	// Section 10.2), and what the list is called in a state file. No other statement is
	// signed under it.
	ListContext = "cqkit/revocations/v1"

	// MaxSteps is the greatest number of steps of a list.
	MaxSteps = 1 << 16

	sigPrefix = "— "
)

// ErrFork means that of two lists of one root neither is the beginning of the other.
// One of them was made from an old copy, or the root's key is in two hands: which of
// them to believe is for people to decide.
var ErrFork = errors.New("two revocation lists of one root that contradict each other")

// Reason says why a key was revoked. It is for people and decides nothing.
type Reason string

// The reasons.
const (
	Compromised Reason = "compromised" // somebody else has it
	Lost        Reason = "lost"        // nobody has it any more
	Superseded  Reason = "superseded"  // another key took its place
	Retired     Reason = "retired"     // its holder no longer signs
	Unspecified Reason = "unspecified"
)

// Reasons returns all reasons.
func Reasons() []Reason { return []Reason{Compromised, Lost, Superseded, Retired, Unspecified} }

// Revocation says that a key no longer counts.
type Revocation struct {
	Fingerprint string    // of the key
	From        time.Time // from when on; zero is from the beginning
	Reason      Reason
	Text        string    // words for people, "" for none; of the root's making
	Issued      time.Time // when the root said so; set by List.Revoke
}

// Step is one line of a list: a revocation, or the word that there is nothing new.
type Step struct {
	Issued time.Time
	Revoke *Revocation // nil for a renewal
}

// List is what a root has revoked: steps, of which none is ever taken back. A List that
// was parsed is not thereby verified.
type List struct {
	Root  string // fingerprint of the root's key
	Name  string // on the signature line; nothing but a name
	Steps []Step

	text []byte // as signed
	ends []int  // where each step ends in text
	sig  []byte // key hash and signature, nil while the list is not signed
}

// NewList returns a list without steps, which cannot be signed yet.
func NewList(root string) *List {
	return &List{Root: root, text: []byte(ListContext + "\nroot " + root + "\n")}
}

// IsList reports whether data begins like a revocation list of any version.
func IsList(data []byte) bool { return strings.HasPrefix(head(data), "cqkit/revocations/") }

// ParseList reads a revocation list. It accepts exactly what [List.Bytes] returns; the
// error is a [*ParseError]. data is not retained.
func ParseList(data []byte) (*List, error) {
	if len(data) > MaxBytes {
		return nil, &ParseError{0, fmt.Sprintf("the list is larger than %d MiB", MaxBytes>>20)}
	}
	r := &lines{rest: data}
	if line, err := r.next(); err != nil {
		return nil, err
	} else if line != ListContext {
		if IsList(data) {
			return nil, r.fail("a revocation list of a version this program does not know")
		}
		return nil, r.fail("not a revocation list: want the line %q", ListContext)
	}
	root, err := r.field("root")
	if err != nil {
		return nil, err
	}
	if !IsFingerprint(root) {
		return nil, r.fail("root is not a fingerprint, SHA256:<43 base64 digits>")
	}
	l := NewList(root)
	for !r.begins("\n") {
		line, err := r.next()
		if err != nil {
			return nil, err
		}
		if err := l.parseStep(line); err != nil {
			return nil, r.fail("%v", err)
		}
	}
	if len(l.Steps) == 0 {
		return nil, r.fail("a list without steps")
	}
	if err := r.empty(); err != nil {
		return nil, err
	}
	line, err := r.next()
	if err != nil {
		return nil, err
	}
	if err := l.parseSignature(line); err != nil {
		return nil, r.fail("%v", err)
	}
	if len(r.rest) > 0 {
		r.line++
		return nil, r.fail("something follows the signature line")
	}
	return l, nil
}

// parseStep adds the step that a line states.
func (l *List) parseStep(line string) error {
	f := strings.SplitN(line, " ", 7)
	if n, ok := parseDecimal(f[0]); !ok || n != uint64(len(l.Steps)+1) {
		return fmt.Errorf("want step %d", len(l.Steps)+1)
	}
	if len(f) < 3 {
		return errors.New("want a revoke or renew step")
	}
	issued, ok := parseTime(f[1])
	if !ok {
		return fmt.Errorf("the time of the step is not like %s", timeLayout)
	}
	switch {
	case f[2] == "renew" && len(f) == 3:
		return l.Renew(issued)
	case f[2] != "revoke" || len(f) < 6:
		return errors.New("want a revoke or renew step")
	}
	v := Revocation{Fingerprint: f[3], Reason: Reason(f[5])}
	if f[4] != "-" {
		if v.From, ok = parseTime(f[4]); !ok {
			return fmt.Errorf("the time of revocation is neither - nor like %s", timeLayout)
		}
	}
	if len(f) == 7 {
		if v.Text = f[6]; v.Text == "" {
			return errors.New("the line ends with a space")
		}
	}
	return l.Revoke(issued, v)
}

// Revoke adds a revocation that the root issues at a time. The list must be signed anew.
func (l *List) Revoke(issued time.Time, v Revocation) error {
	from := "-"
	switch {
	case !IsFingerprint(v.Fingerprint):
		return fmt.Errorf("%.60q is not a fingerprint, SHA256:<43 base64 digits>", v.Fingerprint)
	case v.Fingerprint == l.Root:
		return errors.New("a root cannot revoke itself")
	case !slices.Contains(Reasons(), v.Reason):
		return fmt.Errorf("%.40q is no reason", string(v.Reason))
	case v.Text != "" && CheckText(v.Text) != nil:
		return CheckText(v.Text)
	case !v.From.IsZero():
		if err := CheckTime(v.From); err != nil {
			return err
		}
		from = formatTime(v.From)
	}
	line := fmt.Sprintf("revoke %s %s %s", v.Fingerprint, from, v.Reason)
	if v.Text != "" {
		line += " " + v.Text
	}
	v.Issued = issued
	return l.add(Step{issued, &v}, line)
}

// Renew adds the word that as of a time there was nothing else. The list must be signed
// anew.
func (l *List) Renew(issued time.Time) error { return l.add(Step{Issued: issued}, "renew") }

func (l *List) add(s Step, line string) error {
	switch n := len(l.Steps); {
	case CheckTime(s.Issued) != nil:
		return CheckTime(s.Issued)
	case n == MaxSteps:
		return fmt.Errorf("a list has at most %d steps", MaxSteps)
	case n > 0 && s.Issued.Before(l.Steps[n-1].Issued):
		return fmt.Errorf("it would be issued before the step above it, %s", formatTime(l.Steps[n-1].Issued))
	}
	l.Steps = append(l.Steps, s)
	l.text = fmt.Appendf(l.text, "%d %s %s\n", len(l.Steps), formatTime(s.Issued), line)
	l.ends = append(l.ends, len(l.text))
	l.sig = nil
	return nil
}

// Digest returns the SHA-256 of the list's text as it was after so many steps, by which
// a state file refers to it. It panics if there are fewer.
func (l *List) Digest(steps int) [32]byte {
	if steps == 0 {
		return sha256.Sum256([]byte(ListContext + "\nroot " + l.Root + "\n"))
	}
	return sha256.Sum256(l.text[:l.ends[steps-1]])
}

// Extends reports whether the list is an earlier one with nothing or something added.
func (l *List) Extends(earlier *List) bool { return bytes.HasPrefix(l.text, earlier.text) }

// Revoked returns the revocation of a key that goes back furthest.
func (l *List) Revoked(fingerprint string) (*Revocation, bool) {
	var found *Revocation
	for _, s := range l.Steps {
		if s.Revoke != nil && s.Revoke.Fingerprint == fingerprint && (found == nil || s.Revoke.From.Before(found.From)) {
			found = s.Revoke
		}
	}
	return found, found != nil
}

// AsOf returns when the list was last issued.
func (l *List) AsOf() time.Time {
	if len(l.Steps) == 0 {
		return time.Time{}
	}
	return l.Steps[len(l.Steps)-1].Issued
}

// Bytes returns the whole signed list, nil if it is not signed as it stands.
func (l *List) Bytes() []byte {
	if l.sig == nil {
		return nil
	}
	return fmt.Appendf(bytes.Clone(l.text), "\n%s%s %s\n", sigPrefix, l.Name, base64.StdEncoding.EncodeToString(l.sig))
}
