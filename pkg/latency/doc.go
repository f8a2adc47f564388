// Package latency keeps durations in histograms of fixed size and tells their quantiles.
//
//   - [Histogram] is for one goroutine, [Striped] for many, without locks.
//   - [Histogram.RecordAtLeast] is for what was cut short: quantiles stay true bounds.
//   - [Histogram.Add] adds exactly; [Histogram.AppendBinary] and [Histogram.UnmarshalBinary] store
//     exactly, [Histogram.HDRString] exports to HdrHistogram's tools.
//
// docs/latency.md has the layout, the promises and the encodings. The package reads no
// clock and corrects nothing: what a load generator omitted is for the generator to know.
package latency
