package cleitonq

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"cqkit/pkg/pqsig"
)

// ReadAnchors reads a file of anchors of either kind, one after another, to its end. An anchor
// does not say which key made it: all must verify with the same one of keys, which is
// returned. Their nonces must rise, the first above last. The error is r's, or says which
// anchor is [ErrMalformed], [ErrForged] or [ErrReplayed]; the anchors before it are then
// returned. A file without anchors is ErrMalformed.
func ReadAnchors(r io.Reader, keys []*pqsig.PublicKey, last uint64) (anchors []*Anchor, key *pqsig.PublicKey, err error) {
	in := bufio.NewReader(r)
	for {
		packet, err := readAnchor(in)
		if err == io.EOF && len(anchors) > 0 {
			return anchors, key, nil
		}
		var a *Anchor
		if err == nil {
			a, key, err = openWith(keys, packet, last)
		}
		if err == io.EOF {
			err = fmt.Errorf("%w: nothing is there", ErrMalformed)
		}
		if err != nil {
			return anchors, key, fmt.Errorf("anchor %d: %w", len(anchors)+1, err)
		}
		anchors, keys, last = append(anchors, a), []*pqsig.PublicKey{key}, a.Nonce
	}
}

// readAnchor reads the bytes of the next anchor, io.EOF if there is none.
func readAnchor(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(len(tapDomain))
	if len(head) == 0 && err != nil {
		return nil, err
	}
	size := TAPAnchorSize
	if bytes.HasPrefix(head, []byte(anchorDomain)) {
		size = AnchorSize
	}
	packet := make([]byte, size)
	if _, err := io.ReadFull(in, packet); err == io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("%w: it ends too early", ErrMalformed)
	} else if err != nil {
		return nil, err
	}
	return packet, nil
}

// openWith opens an anchor with the first of keys that fits.
func openWith(keys []*pqsig.PublicKey, packet []byte, last uint64) (a *Anchor, key *pqsig.PublicKey, err error) {
	err = ErrForged
	for _, key := range keys {
		if a, err = OpenAnchor(key, packet, last); err != ErrForged {
			return a, key, err
		}
	}
	return nil, nil, err
}
