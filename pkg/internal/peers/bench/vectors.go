package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"cqkit/pkg/bench/figures"
	"cqkit/pkg/stat"
)

// Rounds in which SHA-256 is timed before and after each call.
const afterRounds = 400

// afterEach prints how long SHA-256 of 4 KiB takes right after each call whose library uses vector registers, by
// what it takes before it. Registers left dirty make it many times slower on processors that mind.
func afterEach(ctx context.Context, w io.Writer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	data := make([]byte, 4096)
	hash := func() float64 {
		start := time.Now()
		sha256.Sum256(data)
		return float64(time.Since(start))
	}
	fmt.Fprintln(w, "\n| SHA-256 after | by before | 99 % |\n| --- | --: | --- |")
	for _, f := range figures.Keys(figures.CCTV()).Figures {
		group, _, _ := strings.Cut(f.Name, "/")
		if !strings.Contains(" mldsa87 mlkem1024 hybrid hmac4 hmac4-verify aead ", " "+group+" ") || ctx.Err() != nil {
			continue
		}
		if f.Setup != nil {
			if err := f.Setup(); err != nil {
				panic(err)
			}
		}
		var before, after []float64
		for range afterRounds / 8 {
			var b, a [8]float64
			for i := range b {
				hash()
				b[i] = hash()
				f.Func(max(1, f.Passes))
				a[i] = hash()
			}
			before, after = append(before, stat.Undisturbed(b[:])), append(after, stat.Undisturbed(a[:]))
		}
		c, err := stat.ComparePaired(before, after, stat.CompareConfig{LessIsBetter: true})
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "| %s | %.3f | %.3f to %.3f |\n", f.Name, 1+c.Change.Value, 1+c.Change.Low, 1+c.Change.High)
	}
}
