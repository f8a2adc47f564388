package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"cqkit/pkg/pqsig"
)

// AnchorOutcome is what a series of anchors comes to; docs/wire-v2-anchor.md, "Judging".
type AnchorOutcome string

// The outcomes.
const (
	AnchorsValid     AnchorOutcome = "valid"
	AnchorsOpen      AnchorOutcome = "open"
	AnchorsAltered   AnchorOutcome = "altered"
	AnchorsUntrusted AnchorOutcome = "untrusted"
	AnchorsMalformed AnchorOutcome = "malformed"
)

// Anchors is a series as a file of anchors has it.
type Anchors struct {
	List []*Anchor // verified; none unless Outcome is AnchorsValid or AnchorsOpen
	// Outcome is what the anchors come to by themselves: AnchorsValid if they have their
	// end, AnchorsOpen if not, AnchorsUntrusted or AnchorsMalformed.
	Outcome AnchorOutcome
	Reason  string // why it is not AnchorsValid, for people
	// Claimed is the first anchor, as far as one can be read.
	Claimed *Anchor
	// Missing is how many numbers below the last one have no anchor.
	Missing uint64
}

// ReadAnchors reads a file of anchors to its end and judges them by themselves. It holds
// what they say, and verifies on all cores. The error is r's.
//
// keys returns the key with a fingerprint, nil if none is known. us is when the anchor was
// made, as far as it says: the time of its last record, µs since 1970 UTC, or 0. An error,
// whose text becomes the reason, says that the key does not count at that time. It is called
// from several goroutines.
func ReadAnchors(r io.Reader, keys func(f Fingerprint, us int64) (*pqsig.PublicKey, error)) (*Anchors, error) {
	list, errs, rest, err := readAll(r, keys)
	if err != nil {
		return nil, err
	}
	return newAnchors(list, errs, rest), nil
}

// newAnchors judges anchors by themselves. errs is what was found wrong with each, and rest how
// many bytes behind them are none.
func newAnchors(list []*Anchor, errs []error, rest int) *Anchors {
	s := &Anchors{}
	if len(list) > 0 {
		s.Claimed = list[0]
	}
	refuse := func(o AnchorOutcome, format string, args ...any) *Anchors {
		s.Outcome, s.Reason = o, fmt.Sprintf(format, args...)
		return s
	}
	for i, a := range list {
		switch err := errs[i]; {
		case errors.Is(err, ErrUnknownSigner):
			return refuse(AnchorsUntrusted, "anchor %d names the key %v, which is none of those given", i+1, a.Signer)
		case errors.Is(err, ErrMalformed):
			return refuse(AnchorsMalformed, "anchor %d: %v", i+1, err)
		case errors.Is(err, pqsig.ErrBadSignature):
			return refuse(AnchorsMalformed, "the signature of anchor %d does not verify: it was edited", i+1)
		case err != nil:
			return refuse(AnchorsUntrusted, "anchor %d: %v", i+1, err)
		}
		if i > 0 {
			if wrong := a.contradicts(list[i-1]); wrong != "" {
				return refuse(AnchorsMalformed, "anchor %d %s", i+1, wrong)
			}
		}
	}
	switch {
	case rest > 0:
		return refuse(AnchorsMalformed, "the last %d bytes are no whole anchor", rest)
	case len(list) == 0:
		return refuse(AnchorsMalformed, "there is no anchor")
	}
	s.List = list
	last := list[len(list)-1]
	s.Missing = last.Number - uint64(len(list))
	if !last.Last {
		return refuse(AnchorsOpen, "the series has no end: records after it may have been cut off")
	}
	s.Outcome = AnchorsValid
	return s
}

// readAll reads and verifies messages until the first that is malformed. rest is how many
// bytes at the end are too few for one.
func readAll(r io.Reader, keys func(Fingerprint, int64) (*pqsig.PublicKey, error)) (list []*Anchor, errs []error, rest int, err error) {
	in := bufio.NewReader(r)
	const batch = 256
	for {
		var messages [][]byte
		for len(messages) < batch {
			message := make([]byte, AnchorSize)
			n, readErr := io.ReadFull(in, message)
			if readErr == io.EOF || readErr == io.ErrUnexpectedEOF {
				rest = n
				break
			}
			if readErr != nil {
				return nil, nil, 0, readErr
			}
			messages = append(messages, message)
		}
		anchors, results := make([]*Anchor, len(messages)), make([]error, len(messages))
		each(len(messages), 0, func(i int) { anchors[i], results[i] = verifyAnchorAt(messages[i], keys) })
		for i := range anchors {
			list, errs = append(list, anchors[i]), append(errs, results[i])
			if results[i] != nil { // one suffices
				return list, errs, 0, nil
			}
		}
		if len(messages) < batch {
			return list, errs, rest, nil
		}
	}
}

// verifyAnchorAt is VerifyAnchor with keys that count for a time.
func verifyAnchorAt(message []byte, keys func(Fingerprint, int64) (*pqsig.PublicKey, error)) (*Anchor, error) {
	a, err := ParseAnchor(message)
	if err != nil {
		return nil, err
	}
	key, err := keys(a.Signer, a.Until)
	if err != nil {
		return a, err
	}
	if key == nil {
		return a, ErrUnknownSigner
	}
	return a, a.verify(message, key)
}

// Windows returns the windows of the anchors.
func (s *Anchors) Windows() []Window {
	windows := make([]Window, len(s.List))
	for i, a := range s.List {
		windows[i] = Window{First: a.First, Count: uint64(a.Count), Commitment: a.Root}
	}
	return windows
}

// Total returns how many records the series has, as far as its anchors say.
func (s *Anchors) Total() uint64 {
	if len(s.List) == 0 {
		return 0
	}
	last := s.List[len(s.List)-1]
	return last.First + uint64(last.Count)
}
