package keyring

import (
	"context"
	"fmt"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/nonce"
	"cqkit/pkg/trust"
)

// Remember compares the ring's revocation lists with those that a state file remembers,
// and remembers them. It refuses an older list than was seen, one that does not go on
// from what was seen, and a root whose list has gone missing.
func (r *Ring) Remember(ctx context.Context, file *nonce.File) error {
	roots := r.Registry.Roots()
	if len(roots) == 0 {
		return nil
	}
	return file.Update(ctx, func(s *nonce.State) error {
		for _, root := range roots {
			if err := remember(s, root); err != nil {
				return err
			}
		}
		return nil
	})
}

func remember(s *nonce.State, root *trust.Root) error {
	id := nonce.ID{Key: root.Fingerprint, Subject: trust.ListContext}
	seen, known := s.Get(id)
	steps := 0
	if root.Revoked != nil {
		steps = len(root.Revoked.Steps)
	}
	switch {
	case steps == 0 && !known:
		return nil
	case uint64(steps) < seen.Size:
		return &RollbackError{root, seen.Size, steps}
	case known && root.Revoked.Digest(int(seen.Size)) != seen.Digest:
		return fmt.Errorf("root %s: %w: this one and one that was seen before", root.Fingerprint, trust.ErrFork)
	}
	n := uint64(steps)
	_, err := s.Offer(id, nonce.Mark{Size: n, Nonce: n, Digest: root.Revoked.Digest(steps)})
	return err
}

// RollbackError says that a revocation list is older than one that was seen.
type RollbackError struct {
	Root *trust.Root
	Seen uint64 // steps of the newest list that was seen
	Now  int    // steps of the one given, 0 for none
}

func (e *RollbackError) Error() string {
	if e.Now == 0 {
		return fmt.Sprintf("root %s: its revocation list is missing, and one of %s was seen before", e.Root.Fingerprint, cli.Count(int64(e.Seen), "step"))
	}
	return fmt.Sprintf("root %s: its revocation list has %s, and one of %d was seen before", e.Root.Fingerprint, cli.Count(int64(e.Now), "step"), e.Seen)
}
