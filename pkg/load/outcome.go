package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// errTimeout is what a request that was not done in time ends with.
var errTimeout = errors.New("no complete answer in time")

// errClosed means that the connection ended before the answer did.
var errClosed = errors.New("connection closed before the answer was complete")

// errCanceled is what was in flight when an interruption ended.
var errCanceled = errors.New("interrupted")

// errUnexpected says that an answer is neither ok nor an error of the server.
type errUnexpected int

func (e errUnexpected) Error() string {
	return fmt.Sprintf("status %d, or its body, is not what was to be expected", int(e))
}

// outcomeOf tells the outcome of an error: of connecting, shaking hands, writing or reading.
func outcomeOf(err error) Outcome {
	var parse parseError
	var dns *net.DNSError
	var errno syscall.Errno
	switch {
	case errors.As(err, &parse):
		return Protocol
	case errors.As(err, &dns):
		return DNS
	case errors.Is(err, errTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Canceled
	case isTLS(err):
		return TLS
	case errors.As(err, &errno):
		return outcomeOfErrno(errno)
	case errors.Is(err, errClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return Reset
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return Timeout
	}
	return Reset
}

// outcomeOfErrno tells the outcome of a system error.
func outcomeOfErrno(e syscall.Errno) Outcome {
	switch e {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EADDRNOTAVAIL:
		return ClientLimit
	case syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN,
		syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES, syscall.EPERM, syscall.ENOTSOCK, syscall.EPROTOTYPE, syscall.EAFNOSUPPORT, syscall.EINVAL:
		return Refused
	case syscall.ETIMEDOUT:
		return Timeout
	}
	return Reset
}

func isTLS(err error) bool {
	var header tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var shake handshakeError
	return errors.As(err, &shake) || errors.As(err, &header) || errors.As(err, &alert) || errors.As(err, &verify) ||
		errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// A handshakeError wraps what went wrong in a handshake, unless the connection ended or
// time ran out.
type handshakeError struct{ error }

func (e handshakeError) Unwrap() error { return e.error }
