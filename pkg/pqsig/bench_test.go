package pqsig

import (
	"crypto/sha256"
	"math"
	"testing"
	"time"

	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"cqkit/pkg/internal/avx"
)

// BenchmarkBracket is what clearing the vector registers costs a call.
func BenchmarkBracket(b *testing.B) {
	for b.Loop() {
		avx.Enter()
		avx.Leave()
	}
}

// afterEach are the calls after which SHA-256 must run at full speed.
func afterEach(tb testing.TB) []struct {
	name string
	call func()
} {
	k := testKey(tb, MLDSA87, 1)
	raw, seed := k.Public().Bytes(), k.Seed()
	msg := []byte("message")
	sig, err := k.Sign(msg, "")
	if err != nil {
		tb.Fatal(err)
	}
	return []struct {
		name string
		call func()
	}{
		{"NewPrivateKey", func() { NewPrivateKey(MLDSA87, seed) }},
		{"ParsePublicKey", func() { ParsePublicKey(MLDSA87, raw) }},
		{"Expanded", func() { k.Expanded() }},
		{"Sign", func() { k.Sign(msg, "") }},
		{"Verify", func() { k.Public().Verify(msg, "", sig) }},
	}
}

// BenchmarkSHA256After hashes 64 KiB alone and right after each kind of call,
// and reports the ratio of the two. It is about 1; much more means that the upper
// halves of the AVX registers stay dirty again. "library, not cleared" shows
// what that looks like on this processor: dozens on Intel's, 1 on AMD's, which
// rename the halves. TestVectorStateIsClean sees it on both.
func BenchmarkSHA256After(b *testing.B) {
	buf := make([]byte, 64<<10)
	hash := func() time.Duration {
		start := time.Now()
		sha256.Sum256(buf)
		return time.Since(start)
	}
	avx.Enter()
	avx.Leave() // start clean, whatever ran on this thread before
	run := func(b *testing.B, call func()) {
		alone, after := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
		b.SetBytes(int64(len(buf)))
		for b.Loop() {
			alone = min(alone, hash())
			call()
			after = min(after, hash())
			avx.Enter()
			avx.Leave()
		}
		b.ReportMetric(float64(alone.Nanoseconds()), "alone_ns")
		b.ReportMetric(float64(after.Nanoseconds()), "after_ns")
		b.ReportMetric(float64(after)/float64(alone), "after/alone")
	}
	for _, c := range afterEach(b) {
		b.Run(c.name, func(b *testing.B) { run(b, c.call) })
	}
	k := testKey(b, MLDSA87, 1)
	sig := make([]byte, MLDSA87SignatureSize)
	b.Run("library,_not_cleared", func(b *testing.B) {
		run(b, func() { mldsa87.SignTo(k.secret().mldsa, nil, nil, false, sig) })
	})
}
