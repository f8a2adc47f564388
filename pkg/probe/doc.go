// Package probe finds out what rate limit an endpoint keeps, by asking it until it
// refuses, and whether what it says about waiting is true. docs/limit.md says how;
// package infer does the inference.
//
// It asks for more than is admitted, on purpose: an endpoint that punishes
// that, by longer and longer waits, looks irregular.
package probe
