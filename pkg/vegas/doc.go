// Package vegas finds out how many requests a backend can take at once, and lets no
// more through.
//
// A [Gate] hands out permits up to a limit, lets a bounded number wait, by
// priority and within partitions, and measures what passes. It sums that up in windows of
// 100 ms or more and asks its [Controller] after each for the next limit. [Vegas] is the
// controller that keeps the queue in front of the backend short but not empty, judging by
// round-trip times as TCP Vegas does; [AIMD] goes by overload errors alone; [Fixed]
// does not move.
//
//	gate, err := vegas.NewGate(vegas.NewVegas(vegas.Config{}), vegas.GateConfig{Queue: 100})
//	...
//	err = gate.Do(ctx, func(ctx context.Context) error { return call(ctx) })
//	if errors.Is(err, vegas.ErrFull) || errors.Is(err, vegas.ErrLate) {
//		// shed: the call was not made
//	}
//
// Controllers have no clock: they are functions of the windows they were given. Gates take
// the time as an argument, except for Acquire and Do, which wait, and TryNow and Done, which
// save most looks at the clock.
//
// docs/vegas.md has the formulas, where they differ from their source and why,
// what is promised, and measurements beside other limiters. The package does not limit rates,
// retry, or know anything about a protocol.
package vegas
