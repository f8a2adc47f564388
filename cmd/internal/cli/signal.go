package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// ErrTerminated is the cause of a command's context having ended if the program was sent
// SIGTERM, as service managers do, and not interrupted by its user.
var ErrTerminated = errors.New("terminated")

const endKey = "cli.end"

// EndOnTerminate says that SIGTERM is the ordinary end of cmd, as of a service: what its
// RunE returns then decides the exit code, and not the signal. An error that says that
// the context ended is exit code 130 all the same.
func EndOnTerminate(cmd *cobra.Command) { annotate(cmd, endKey, "terminate") }

// ordinaryEnd reports whether ctx ended as cmd ordinarily does.
func ordinaryEnd(ctx context.Context, cmd *cobra.Command) bool {
	return cmd.Annotations[endKey] != "" && errors.Is(context.Cause(ctx), ErrTerminated)
}

// untilSignal returns a context that SIGINT and SIGTERM end. From then on, and after
// stop, they do what they do by default.
func untilSignal(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case sig := <-signals:
			signal.Stop(signals)
			if sig == syscall.SIGTERM {
				cancel(ErrTerminated)
			}
		case <-ctx.Done():
		}
		cancel(nil)
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
