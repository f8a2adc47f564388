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
func (l *lasting) announce(cmd *cobra.Command, lines []string, all ...served) error {
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
	for _, s := range all {
		if _, err := fmt.Fprintln(out, s.listener.Addr()); err != nil {
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

// served is a server with what it listens on.
type served struct {
	*http.Server
	name     string
	listener net.Listener
	drain    func(context.Context) error // waits for what Shutdown does not know of; or nil
}

// serveAll serves until ctx ends, and then lets what is in flight finish for as long as
// patience, one server after the other, so that those named later can tell how it goes. An
// error of one server ends all.
func serveAll(ctx context.Context, patience time.Duration, serving ...served) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(serving))
	for _, s := range serving {
		go func() {
			err := s.serve()
			if errors.Is(err, http.ErrServerClosed) {
				err = nil
			}
			cancel()
			ended <- err
		}()
	}
	<-ctx.Done()
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer stop()
	var errs []error
	for _, s := range serving {
		if err := s.finish(late); errors.Is(err, context.DeadlineExceeded) {
			errs = append(errs, fmt.Errorf("%s: some were still in flight after %v and were cut off", s.name, patience))
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	for range serving {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}

// finish takes no more connections, waits until all requests are answered or ctx ends, and
// closes what is left.
func (s served) finish(ctx context.Context) error {
	drained := make(chan error, 1)
	go func() {
		if s.drain == nil {
			drained <- nil
			return
		}
		drained <- s.drain(ctx)
	}()
	err := s.Shutdown(ctx)
	if other := <-drained; err == nil {
		err = other
	}
	if err != nil {
		s.Close()
	}
	return err
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
