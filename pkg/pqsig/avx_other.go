//go:build !amd64

package pqsig

// Only amd64 mixes two vector encodings; see avx_amd64.go.

func enterVector() {}

func leaveVector() {}
