package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
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
	next := make(chan int)
	for range min(n, max(limit, 1)) {
		workers.Go(func() {
			for i := range next {
				if ctx.Err() == nil {
					work(i)
				}
				close(ready[i])
			}
		})
	}
	go func() {
		for i := range n {
			next <- i
		}
		close(next)
	}()
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
