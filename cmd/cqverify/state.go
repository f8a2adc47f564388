package main

import (
	"context"
	"fmt"

	"cqkit/pkg/nonce"
	"cqkit/pkg/seal"
)

// known returns the question whether a later note than n was seen. Asking remembers n.
// Log number i asks when those before it have: what is seen first must not depend on
// which worker was faster.
func (j *judge) known(i int, v *verdict) func(*seal.Note) (bool, error) {
	if j.state == nil {
		return nil
	}
	return func(n *seal.Note) (superseded bool, err error) {
		if err := j.turns.wait(j.cmd.Context(), i); err != nil {
			return false, err
		}
		err = j.state.Update(j.cmd.Context(), func(s *nonce.State) error {
			id := nonce.ID{Key: n.Key, Subject: n.Origin()}
			mark := nonce.Mark{Size: n.Leaves, Nonce: n.Nonce, Digest: n.Digest()}
			seen, has := s.Get(id)
			if highest, any := s.HighestNonce(n.Key); j.o.inOrder && any && n.Nonce <= highest && !(has && seen == mark) {
				superseded = true
				v.warn("out of order: a later seal by this key was seen before")
				return nil
			}
			outcome, err := s.Offer(id, mark)
			superseded = outcome == nonce.Older || outcome == nonce.Conflict
			if outcome == nonce.Conflict {
				v.warn("another seal of this log was seen that neither precedes nor follows this one")
			}
			return err
		})
		if err != nil {
			err = fmt.Errorf("state file %q: %w", j.o.state, err)
		}
		return superseded, err
	}
}

// turns lets workers take turns in the order of their logs. A nil turns does nothing.
type turns struct{ done []chan struct{} }

func newTurns(n int) *turns {
	t := &turns{make([]chan struct{}, n)}
	for i := range t.done {
		t.done[i] = make(chan struct{})
	}
	return t
}

// wait waits until all before i have ended, or the run is interrupted. They have begun:
// work is given out in order.
func (t *turns) wait(ctx context.Context, i int) error {
	if t == nil || i == 0 {
		return nil
	}
	select {
	case <-t.done[i-1]:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end ends the turn of i, after those before it.
func (t *turns) end(ctx context.Context, i int) {
	if t != nil && t.wait(ctx, i) == nil {
		close(t.done[i])
	}
}
