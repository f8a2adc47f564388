//go:build !amd64

package pqkem

// Only amd64 mixes two vector encodings; see avx_amd64.go.

func enterVector() {}

func leaveVector() {}
