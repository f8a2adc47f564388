package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
)

// lasting is how long a server runs, and where it says under which addresses.
type lasting struct {
	addrFile string
	duration time.Duration
}

func addLastingFlags(cmd *cobra.Command) *lasting {
	var l lasting
	cmd.Flags().StringVar(&l.addrFile, "addr-file", "", "write the addresses to this file")
	cmd.Flags().DurationVar(&l.duration, "for", 0, "end after so long")
	return &l
}

func (l *lasting) check() error {
	if l.duration < 0 {
		return fmt.Errorf("--for %v is negative", l.duration)
	}
	return nil
}

// context returns the context of a run, which ends when the user says so or --for is over.
func (l *lasting) context(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	if l.duration > 0 {
		return context.WithTimeout(cmd.Context(), l.duration)
	}
	return context.WithCancel(cmd.Context())
}

// announce says that the listeners are open: on standard output, where scripts read it, and
// in the file that --addr-file names, an address a line.
func (l *lasting) announce(cmd *cobra.Command, lines []string, listeners ...net.Listener) error {
	for _, line := range lines {
		fmt.Fprintln(cmd.OutOrStdout(), line)
	}
	if l.addrFile == "" {
		return nil
	}
	out, err := cli.Create(cmd, l.addrFile, cli.CreateOptions{Force: true})
	if err != nil {
		return err
	}
	defer out.Close()
	for _, l := range listeners {
		if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
			return err
		}
	}
	return out.Commit()
}

// newServer returns a server that clients cannot hold up with headers that do not end.
// It speaks HTTP/1.1 and HTTP/2, with and without TLS.
func newServer(cmd *cobra.Command, h http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		Protocols:         protocols,
		ErrorLog:          complaintLog(cmd),
	}
}

// serveAll serves until ctx ends, and then lets what is in flight finish for as long as
// drain. begin is called when draining begins. An error of one server ends all.
func serveAll(ctx context.Context, drain time.Duration, begin func(), serving ...served) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan error, len(serving))
	for _, s := range serving {
		go func() {
			err := s.serve()
			if errors.Is(err, http.ErrServerClosed) {
				err = nil
			}
			cancel(err)
			ended <- err
		}()
	}
	<-ctx.Done()
	if begin != nil {
		begin()
	}
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer stop()
	var errs []error
	for _, s := range serving {
		if err := s.Shutdown(late); err != nil {
			s.Close()
			if errors.Is(err, context.DeadlineExceeded) {
				err = fmt.Errorf("%s: requests were still in flight after %v and were cut off", s.name, drain)
			}
			errs = append(errs, err)
		}
	}
	for range serving {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// served is a server with what it listens on.
type served struct {
	*http.Server
	name     string
	listener net.Listener
}

func (s served) serve() error {
	if s.TLSConfig != nil {
		return s.ServeTLS(s.listener, "", "")
	}
	return s.Serve(s.listener)
}

// url returns the address of a listener as a client writes it.
func (s served) url() string {
	scheme := "http"
	if s.TLSConfig != nil {
		scheme = "https"
	}
	return scheme + "://" + s.listener.Addr().String()
}

// checkListen refuses what is no address to listen on.
func checkListen(flag, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" || strings.ContainsAny(host, "/@") {
		return cli.Hint(fmt.Errorf("--%s %q is not an address", flag, address), "write 127.0.0.1:8080, or :8080 for all interfaces")
	}
	return nil
}

// complaintLog is where an http.Server complains, a line each.
func complaintLog(cmd *cobra.Command) *log.Logger { return log.New(complaints{cmd}, "", 0) }

type complaints struct{ cmd *cobra.Command }

func (c complaints) Write(p []byte) (int, error) {
	cli.Warn(c.cmd, "%s", strings.TrimSpace(string(p)))
	return len(p), nil
}

// inUse adds to the error of listening what to do about it.
func inUse(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return cli.Hint(err, "something listens there already: end it, or choose another port; port 0 finds a free one")
	}
	return err
}
