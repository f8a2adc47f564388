// Package vegas holds no code but tests and benchmarks: pkg/vegas beside other projects'
// concurrency limiters, in the same simulator and the same loop. Two of them run as they
// are; the others are ported in ports_test.go from their published source.
package vegas
