// Package bench takes representative timings of functions handed to it, and compares
// them with those of an earlier session.
//
//   - [Run] times [Contender]s in interleaved rounds of calibrated batches.
//   - [Session] is what it gives, with the [Machine] it was measured on. It is saved by
//     [Session.Write] and read back by [Parse].
//   - [Compare] says what has become worse, [Judge] which thresholds hold.
//
// docs/bench.md says how a figure is taken and what it is not. The package knows nothing of what it times.
package bench
