// Package figures has what cqbench measures: the functions that are timed, and what stands beside their times.
// It is a package so that the benchmarks of other packages, and comparisons with other projects, time the
// very same functions; see [Benchmark].
//
//   - [Keys]: signatures, key exchange, packet tags, hashes.
//   - [Seal]: what is done with a whole log.
//   - [Limits]: decisions, permits and nonces, from one goroutine and from several.
//
// docs/bench.md says what each is and what it is not. The functions panic if what they time fails, which means a
// mistake in cqkit. cctv-mldsa87.json is C2SP's list (github.com/C2SP/CCTV,
// ML-DSA/benchmark) as Go and filippo.io/mldsa v1.0.0 publish it in mldsa_test.go, under the terms in cctv-mldsa87.LICENSE.
package figures
