// Package target is an HTTP server of known capacity, to try loads and limits on:
// k servers with a service time, a bounded queue before them, and failures, resets,
// stalls and outages on request.
//
// [Handler] is the server; what it did, it tells under [StatsPath]. [Distribution] is
// a service time, [Cycle] when it stands still, [Listen] a listener with outages and
// [Certificate] one to serve TLS with in a trial.
//
// Servers and queue are arithmetic on arrival times, so that a late wake-up delays one
// answer and never the next: the capacity is k divided by the mean service time.
// docs/target.md has the model. The package works nothing off: it waits.
package target
