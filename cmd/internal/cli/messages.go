package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cqkit/pkg/report"
)

// Warn prints "name: warning: …" to standard error, unless --quiet is given. The
// text is formatted as fmt.Sprintf does and cleaned: whatever a file name or a
// log puts into it stays text.
func Warn(cmd *cobra.Command, format string, args ...any) {
	s := of(cmd)
	s.printUnlessQuiet("warning: ", fmt.Sprintf(format, args...))
}

// Say prints "name: …" to standard error, unless --quiet is given: what a person
// wants to know and no script needs, such as where a file went.
func Say(cmd *cobra.Command, format string, args ...any) {
	s := of(cmd)
	s.printUnlessQuiet("", fmt.Sprintf(format, args...))
}

// Report prints err now, as it would be printed at the end, and returns an error
// that only carries its exit code. A command with several things to do uses it to
// go on after one has failed, and joins what it returns. It returns nil for nil.
func Report(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	of(cmd).complain(err)
	return &coded{code: ExitCode(err)}
}

// Quiet reports whether --quiet is given.
func Quiet(cmd *cobra.Command) bool {
	s := of(cmd)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.quiet
}

// complain prints an error: each of several joined ones with its hint.
func (s *streams) complain(err error) {
	for _, c := range complaints(err) {
		switch c.code {
		case codeRejected, codeUntrusted:
			s.printUnlessQuiet("", c.text)
		default:
			s.print("error: ", c.text)
		}
		if c.hint != "" {
			s.printUnlessQuiet("hint: ", c.hint)
		}
	}
}

func (s *streams) printUnlessQuiet(level, text string) {
	s.mu.Lock()
	quiet := s.quiet
	s.mu.Unlock()
	if !quiet {
		s.print(level, text)
	}
}

func (s *streams) print(level, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line.erase()
	// There is no one left to tell when standard error itself fails.
	fmt.Fprintf(s.err, "%s: %s%s\n", s.name, level, report.Clean(strings.TrimSuffix(text, ".")))
}

// messages is the standard error that cobra and commands write to directly. It
// keeps the progress line apart from what they write.
type messages struct{ s *streams }

func (m messages) Write(p []byte) (int, error) {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	m.s.line.erase()
	return m.s.err.Write(p)
}

// terminal returns the file behind w if that is a terminal a person looks at.
func terminal(w any) (*os.File, bool) {
	switch v := w.(type) {
	case *stdout:
		return terminal(v.w)
	case messages:
		return terminal(v.s.err)
	case *os.File:
		if os.Getenv("TERM") != "dumb" && term.IsTerminal(int(v.Fd())) {
			return v, true
		}
	}
	return nil, false
}

// Color reports whether w, standard output as a rule, is a terminal that may be
// given colours: NO_COLOR is unset or empty (no-color.org), TERM is not dumb.
func Color(w io.Writer) bool {
	_, ok := terminal(w)
	return ok && os.Getenv("NO_COLOR") == ""
}

// Width returns how many columns a page on w may take: those of the terminal, at
// least 80 and at most 160, or 80 where there is none.
func Width(w io.Writer) int {
	const least, most = 80, 160
	if f, ok := terminal(w); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return min(max(width, least), most)
		}
	}
	return least
}
