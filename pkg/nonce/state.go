package nonce

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrFull means that the state would not fit in [MaxStateBytes]. The file
// is unchanged.
var ErrFull = errors.New("nonce state is full")

// ID names what a mark is kept for. Both parts have 1 to 256 bytes, printable
// ASCII without spaces, and Key is not "sum", which begins the last line of the file.
type ID struct {
	Key     string // the signer, such as the fingerprint of its key
	Subject string // what was signed, such as the origin of a flight log
}

// Mark is the position of a statement among those of its ID.
type Mark struct {
	Size   uint64   // how much it covers, such as leaves; 0 where that means nothing
	Nonce  uint64   // rises from statement to statement
	Digest [32]byte // SHA-256 of what was signed
}

// Outcome is how an offered mark stands to the remembered one.
type Outcome int

// The outcomes. Only First and Newer change what is remembered.
const (
	First    Outcome = iota + 1 // nothing was remembered for this ID
	Same                        // the very mark that is remembered
	Newer                       // covers no less, with a greater nonce
	Older                       // covers no more, with a smaller nonce
	Conflict                    // neither can follow the other; an honest signer makes no such pair
)

// String returns the outcome's name in lower case.
func (o Outcome) String() string {
	switch o {
	case First:
		return "first"
	case Same:
		return "same"
	case Newer:
		return "newer"
	case Older:
		return "older"
	case Conflict:
		return "conflict"
	}
	return fmt.Sprintf("outcome(%d)", int(o))
}

// Compare tells how offered stands to remembered, one of [Same], [Newer],
// [Older] and [Conflict]; docs/nonce.md has the table.
func Compare(remembered, offered Mark) Outcome {
	switch {
	case offered == remembered:
		return Same
	case offered.Size >= remembered.Size && offered.Nonce > remembered.Nonce:
		return Newer
	case offered.Size <= remembered.Size && offered.Nonce < remembered.Nonce:
		return Older
	}
	return Conflict
}

// State is the highest mark seen for each ID. The zero State is empty and
// ready for use. A State is not safe for concurrent use.
type State struct {
	marks   map[ID]Mark
	nonces  map[string]uint64 // greatest nonce for each key
	changed bool
}

// Len returns how many marks the state holds.
func (s *State) Len() int { return len(s.marks) }

// Get returns the mark remembered for id, and whether there is one.
func (s *State) Get(id ID) (Mark, bool) {
	m, ok := s.marks[id]
	return m, ok
}

// HighestNonce returns the greatest nonce remembered for key, over all
// subjects, and whether there is any. A stream of statements of one key is in
// order while each has a greater nonce than that.
func (s *State) HighestNonce(key string) (uint64, bool) {
	n, ok := s.nonces[key]
	return n, ok
}

// Offer compares m with the mark remembered for id and remembers m if there
// is none or if m is newer. The error is about id alone, if it breaks the rules
// given at [ID]; the state is then unchanged.
func (s *State) Offer(id ID, m Mark) (Outcome, error) {
	if err := id.check(); err != nil {
		return 0, err
	}
	outcome := First
	if old, ok := s.marks[id]; ok {
		outcome = Compare(old, m)
	}
	if outcome == First || outcome == Newer {
		s.put(id, m)
		s.changed = true
	}
	return outcome, nil
}

// put remembers m for an id that has been checked.
func (s *State) put(id ID, m Mark) {
	if s.marks == nil {
		s.marks = make(map[ID]Mark)
		s.nonces = make(map[string]uint64)
	}
	s.marks[id] = m
	s.nonces[id.Key] = max(s.nonces[id.Key], m.Nonce)
}

// ids returns the IDs in file order.
func (s *State) ids() []ID {
	ids := make([]ID, 0, len(s.marks))
	for id := range s.marks {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

func compareIDs(a, b ID) int {
	return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Subject, b.Subject))
}

const maxFieldBytes = 256

func (id ID) check() error {
	if err := checkField(id.Key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if id.Key == "sum" {
		return errors.New(`key: "sum" is reserved`)
	}
	if err := checkField(id.Subject); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	return nil
}

func checkField(f string) error {
	if f == "" {
		return errors.New("empty")
	}
	if len(f) > maxFieldBytes {
		return fmt.Errorf("%d bytes, more than %d", len(f), maxFieldBytes)
	}
	for i := 0; i < len(f); i++ {
		if f[i] < 0x21 || f[i] > 0x7e {
			return fmt.Errorf("byte 0x%02x at %d is not printable ASCII without spaces", f[i], i)
		}
	}
	return nil
}
