package store

import (
	"sync/atomic"
	"time"

	"cqkit/pkg/gcra"
)

// Stats are counts since a Store was opened, by this instance.
type Stats struct {
	Allowed uint64 // decisions that let cells pass
	Denied  uint64 // decisions that did not
	Errors  uint64 // calls that ended without a decision
	Cells   uint64 // that passed
	Alone   uint64 // decisions made without the server because it was unavailable

	Exchanges uint64 // with the server, those that failed too
	Failures  uint64 // exchanges that failed, but for a caller that gave up
	Open      bool   // nobody asks the server just now, because it does not answer

	Keys        int64  // of which the instance remembers something
	Outstanding uint64 // leased cells that are held unused or asked for now
	Returned    uint64 // leased cells that were given back
	Lost        uint64 // leased cells that were not used and could not be given back

	Unreported    uint64        // cells that were used and are not reported yet
	LongestReport time.Duration // from a decision to the end of its report; R in docs/store.md
}

type counts struct {
	allowed, denied, errors, cells, alone atomic.Uint64
	exchanges, failures                   atomic.Uint64
	returned, lost                        atomic.Uint64
	longestReport                         atomic.Int64
}

func (c *counts) decided(n uint64, d *gcra.Decision, err error) {
	switch {
	case err != nil:
		c.errors.Add(1)
	case d.Allowed:
		c.allowed.Add(1)
		c.cells.Add(n)
	default:
		c.denied.Add(1)
	}
}

// Stats returns what has been counted. Decisions made at the same time may be in it in part.
func (s *Store) Stats() Stats {
	c := &s.counts
	return Stats{
		Allowed: c.allowed.Load(), Denied: c.denied.Load(), Errors: c.errors.Load(), Cells: c.cells.Load(), Alone: c.alone.Load(),
		Exchanges: c.exchanges.Load(), Failures: c.failures.Load(), Open: s.breaker.isOpen(),
		Keys: s.leases.count.Load() + s.locals.count.Load(), Outstanding: s.outstanding(),
		Returned: c.returned.Load(), Lost: c.lost.Load(),
		Unreported: s.unreported(), LongestReport: s.longestReport(),
	}
}
