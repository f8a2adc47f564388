// Package infer tells what rate limit somebody keeps, from outside: from which
// requests were admitted, which were refused, and when.
//
// A limit that admits at most B + r·t requests in the time t since its first
// (GCRA, a token bucket) is a line, and every answer is a half-plane that it lies
// in: an admitted request is a point on or below the line, a refused one a point
// above it. When a request was decided, and how many had been admitted before, is
// known up to the round-trip time and to what else was under way; each bound takes
// the worst of that. What is left of the plane of (r, B) is a polygon, and its
// extent is the interval that B and r are known to. docs/limit.md says it in full.
//
// Limits that do not lie on a line are recognised by their steps (windows, buckets that
// are refilled at fixed instants), and the rest by their long-run rate.
//
// The package reads no clock and does no input or output.
package infer
