package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	codeDone        = 0
	codeRejected    = 1
	codeUsage       = 2
	codeFailed      = 3
	codeUntrusted   = 4
	codeInterrupted = 130
)

// precedence orders the codes: of several results the first in this list is the
// program's.
var precedence = [...]int{codeInterrupted, codeUsage, codeFailed, codeRejected, codeUntrusted, codeDone}

// coded is an error with an exit code of its own.
type coded struct {
	code int
	err  error // nil if there is nothing to say
}

func (e *coded) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *coded) Unwrap() error { return e.err }

// Rejected says that something was judged and the answer is no: exit code 1. The
// verdict itself belongs into the report; err is what there is to add on standard
// error, as a line without "error:", or nil for nothing.
func Rejected(err error) error { return &coded{codeRejected, err} }

// Untrusted says that a measurement is neither a yes nor a no, because the
// machine or the client was in the way: exit code 4. As with [Rejected] the
// report carries the verdict, and err may be nil.
func Untrusted(err error) error { return &coded{codeUntrusted, err} }

// Usage says that the program was called wrongly: exit code 2.
func Usage(err error) error { return &coded{codeUsage, err} }

// Usagef is Usage of an error formatted as fmt.Errorf does.
func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// hinted is an error with a hint.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// Hint adds to err what to try next, formatted as fmt.Sprintf does: one line,
// lower case, without a period. It returns nil for a nil err. The innermost hint,
// which knows most, is printed.
func Hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// ExitCode returns the exit code err stands for:
//
//	0    done: err is nil
//	1    judged, and the answer is no: Rejected
//	2    called wrongly: Usage
//	3    could not do it: any other error
//	4    the measurement cannot be trusted: Untrusted
//	130  interrupted: context.Canceled
//
// Several results are joined with [errors.Join]. Of several codes in err's tree
// the one that comes first in 130, 2, 3, 1, 4, 0 counts.
func ExitCode(err error) int {
	switch e := err.(type) {
	case nil:
		return codeDone
	case *coded:
		if e.err != nil && errors.Is(e.err, context.Canceled) {
			return codeInterrupted
		}
		return e.code
	case interface{ Unwrap() []error }:
		code := codeDone
		for _, err := range e.Unwrap() {
			code = Worse(code, ExitCode(err))
		}
		if code != codeDone {
			return code
		}
	case interface{ Unwrap() error }:
		if err := e.Unwrap(); err != nil {
			return ExitCode(err)
		}
	}
	if errors.Is(err, context.Canceled) {
		return codeInterrupted
	}
	return codeFailed
}

// Worse returns that of two exit codes which takes precedence.
func Worse(a, b int) int {
	for _, code := range precedence {
		if a == code || b == code {
			return code
		}
	}
	return a
}

// complaint is one line, or a line and a hint, to be printed about an error.
type complaint struct {
	code int
	text string
	hint string
}

// complaints takes err apart into what is printed: an entry for each of several
// joined errors, none for a verdict that has nothing to add.
func complaints(err error) []complaint {
	if err == nil {
		return nil
	}
	var shell []func(complaint) complaint
	for inner := err; inner != nil; {
		switch e := inner.(type) {
		case *coded:
			if e.err == nil {
				return nil
			}
			shell = append(shell, func(c complaint) complaint {
				if c.code != codeInterrupted {
					c.code = e.code
				}
				return c
			})
			inner = e.err
			continue
		case *hinted:
			shell = append(shell, func(c complaint) complaint {
				if c.hint == "" {
					c.hint = e.hint
				}
				return c
			})
			inner = e.err
			continue
		case interface{ Unwrap() []error }:
			if !joined(inner, e.Unwrap()) {
				break
			}
			var list []complaint
			for _, err := range e.Unwrap() {
				list = append(list, complaints(err)...)
			}
			for i := range list {
				for _, wrap := range slices.Backward(shell) { // the outermost code counts, the innermost hint
					list[i] = wrap(list[i])
				}
			}
			return list
		}
		break
	}
	c := complaint{code: ExitCode(err), text: err.Error()}
	var silent *coded
	if errors.As(err, &silent) && silent.err == nil {
		return nil
	}
	var h *hinted
	for inner := err; errors.As(inner, &h); inner = h.err {
		c.hint = h.hint
	}
	if c.code == codeInterrupted && errors.Is(err, context.Canceled) {
		c.text = "interrupted"
	}
	return []complaint{c}
}

// joined reports whether err is nothing but its parts, as errors.Join makes it,
// and not a sentence about them.
func joined(err error, parts []error) bool {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.Error()
	}
	return err.Error() == strings.Join(texts, "\n")
}
