//go:build race

package gcra

// fewer divides the rounds of long tests.
const fewer = 10
