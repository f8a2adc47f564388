package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/bench"
)

// TestRun takes the smallest measurement of each group but gcra, which fills tables for half a minute, and the table that
// ends it.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, bench.Config{Time: time.Millisecond, Count: 5}, "mldsa,mlkem,hmac,vegas,log,avx", ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| mldsa87/sign | ", "| crypto-mlkem | ", "| crypto-hmac-reused | ", "| go-concurrency-limits | ", "| gomavlib | ", "| SHA-256 after | ", "| hmac4/100 | "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, &out)
		}
	}
	if err := run(t.Context(), &out, bench.Config{}, "nothing", ""); err == nil {
		t.Error("a group that there is not")
	}
}
