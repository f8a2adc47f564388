package main

import (
	"context"
	"errors"
	"runtime"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
)

// An outcome is what became of one log.
type outcome[T any] interface {
	*T
	failure() error
	skipped() bool // what was to be made for it was there already
}

// eachLog works on logs on all cores and tells of them in their order. It returns what became of
// those that were begun and not interrupted.
func eachLog[T any, R outcome[T]](cmd *cobra.Command, logs []logfile.Found, one func(logfile.Found) R, tell func(R) error) (begun []R, err error) {
	results := make([]R, len(logs))
	var errs []error
	cli.Each(cmd.Context(), len(logs), runtime.GOMAXPROCS(0), func(i int) {
		results[i] = one(logs[i])
	}, func(i int) {
		if r := results[i]; r != nil && !errors.Is(r.failure(), context.Canceled) {
			begun = append(begun, r)
			errs = append(errs, tell(r))
		}
	})
	return begun, errors.Join(append(errs, cmd.Context().Err())...)
}

// counted counts the logs that something was made for, that had it, and that failed.
func counted[T any, R outcome[T]](results []R) (made, skipped, failed int) {
	for _, r := range results {
		switch {
		case r.failure() != nil:
			failed++
		case r.skipped():
			skipped++
		default:
			made++
		}
	}
	return made, skipped, failed
}
