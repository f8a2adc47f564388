// Package gcra limits rates: it decides, as a function of time and nothing else,
// whether cells (requests, bytes, whatever is limited) may pass. docs/gcra.md has
// the promises, the formulas and their sources.
//
//   - [Limiter] is one limit, GCRA in one word of state; [Keyed] is the same limit for each of
//     many keys, in bounded memory.
//   - [Bucket], [Window], [Leaky] and [Quota] are other kinds of limits, each with
//     its own promise; [All] decides several at once, [DryRun] and [Counted] wrap one.
//   - [Wait] blocks until cells may be used, by a clock that it is given.
//   - [Decision] is the answer of all of them, with what HTTP headers tell.
//   - [Rate], [Limit] and [Profile] are what is asked for, with one grammar for all programs.
//
// Every call takes now, the monotonic time since the limiter's own beginning.
// Negative times count as 0 and times beyond [MaxTime] as MaxTime. Calls may come with
// times in any order: a clock that steps back admits no more than one that does not.
//
// The package does not share limits between processes and does not queue; Wait's
// callers queue themselves.
package gcra
