package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
)

// Each calls work for 0 to n-1, up to limit at once, and then, in order and never two
// at once, done for each. It begins no further work once ctx is done, and calls done
// for all, begun or not. It returns when all of that has ended.
func Each(ctx context.Context, n, limit int, work, done func(i int)) {
	ready := make([]chan struct{}, n)
	for i := range ready {
		ready[i] = make(chan struct{})
	}
	var workers sync.WaitGroup
	var next atomic.Int64
	for range min(n, max(limit, 1)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if ctx.Err() == nil {
					work(int(i))
				}
				close(ready[i])
			}
		})
	}
	for i := range n {
		<-ready[i]
		done(i)
	}
	workers.Wait()
}

// Count formats a number of things for a person: "1 record", "12,001 records". The
// plural is the singular with an s.
func Count(n int64, singular string) string {
	if n == 1 || n == -1 {
		return fmt.Sprintf("%d %s", n, singular)
	}
	return Thousands(n) + " " + singular + "s"
}

// Thousands formats a number with commas: "12,001".
func Thousands(n int64) string {
	digits := fmt.Sprintf("%d", n)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return sign + strings.Join(append([]string{digits}, groups...), ",")
}
