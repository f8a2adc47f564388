package store

import (
	"cqkit/pkg/gcra"
)

// templates are decisions of each kind. Only gcra makes decisions that know why they are so; what they
// tell in numbers is filled in here.
type templates struct {
	passed, limited, tooLarge gcra.Decision
}

var kinds = func() templates {
	l, err := gcra.New(gcra.Rate{Cells: 1, Per: 1 << 30}, 1)
	if err != nil {
		panic(err) // a limit that is always valid
	}
	t := templates{passed: l.Peek(0, 0), tooLarge: l.Peek(0, 2)}
	l.Take(0, 1)
	t.limited = l.Take(0, 1)
	return t
}()

// decision returns the decision on n cells: allowed if they have passed, with what is owed now.
func (p *params) decision(n uint64, allowed bool, owed int64) gcra.Decision {
	var d gcra.Decision
	switch {
	case allowed:
		d = kinds.passed
	case n > p.burst:
		d = kinds.tooLarge
	default:
		d = kinds.limited
		d.RetryAfter = p.duration(owed - (p.capacity - int64(n)*p.interval))
	}
	d.Limit, d.Remaining, d.ResetAfter = p.burst, p.remaining(owed), p.duration(owed)
	return d
}
