// Package stat says how sure a measured number is, whether two differ, and whether
// one keeps a threshold.
//
//   - [Interval] is a number with its bounds: of a [Mean], a [Median], a [Proportion], a [Quantile],
//     or of anything else by [Bootstrap].
//   - [ComparePaired] and [Compare] tell a change from noise.
//   - [Expr] is a threshold such as "p99>250ms", judged by an interval.
//
// docs/stat.md has the methods with their sources, what they were tried on, and the
// grammar of thresholds. All functions are deterministic: what is drawn at random is
// drawn from a seed that the caller gives.
package stat
