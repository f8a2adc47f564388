package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"cqkit/pkg/report"
)

// program returns a command as a program's newCommand would: it takes files and
// has a subcommand, a flag of its own and the report flags.
func program(run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	root := &cobra.Command{
		Use:     "cqtest [FILE...]",
		Short:   "try things out",
		Long:    "Usage:\n    cqtest [FILE...]\n\nOptions:\n    -n, --number N   how many",
		Example: "    $ cqtest --help",
		Args:    cobra.ArbitraryArgs,
		RunE:    run,
	}
	root.Flags().IntP("number", "n", 1, "how many")
	AddReportFlags(root, report.Table, report.CSV, report.JSON)
	root.AddCommand(&cobra.Command{Use: "inspect FILE", Short: "look closely", Args: cobra.ExactArgs(1), RunE: run})
	group := &cobra.Command{Use: "group", Short: "a command that only has others"}
	group.AddCommand(&cobra.Command{Use: "leaf", Short: "a leaf", RunE: run})
	root.AddCommand(group)
	return root
}

// try runs cmd with args and returns everything it gave back.
func try(cmd *cobra.Command, stdin string, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Run(context.Background(), cmd, Env{Args: args, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &err})
	return code, out.String(), err.String()
}

func TestReturnedErrors(t *testing.T) {
	_, missing := os.Open("no such file")
	tests := []struct {
		name   string
		err    error
		code   int
		stderr string
	}{
		{"none", nil, 0, ""},
		{"plain", errors.New("it broke"), 3, "cqtest: error: it broke\n"},
		{"file", missing, 3, "cqtest: error: open no such file: no such file or directory\n"},
		{"period", errors.New("it broke."), 3, "cqtest: error: it broke\n"},
		{"hostile", errors.New("reading \x1b[31m\u202ex\ny"), 3, `cqtest: error: reading \x1b[31m\u202ex\ny` + "\n"},
		{"verdict", Rejected(nil), 1, ""},
		{"verdict with text", Rejected(errors.New("2 of 3 logs altered")), 1, "cqtest: 2 of 3 logs altered\n"},
		{"untrusted", Untrusted(errors.New("noisy")), 4, "cqtest: noisy\n"},
		{"usage", Usagef("no %q", "x"), 2, "cqtest: error: no \"x\"\n"},
		{"hint", Hint(errors.New("no"), "try %s", "yes"), 3, "cqtest: error: no\ncqtest: hint: try yes\n"},
		{"hint for a hint", Hint(Hint(errors.New("no"), "inner"), "outer"), 3, "cqtest: error: no\ncqtest: hint: inner\n"},
		{"hint of nothing", Hint(nil, "try"), 0, ""},
		{"code in a hint", Hint(Usage(errors.New("no")), "try"), 2, "cqtest: error: no\ncqtest: hint: try\n"},
		{"hint in a code", Usage(Hint(errors.New("no"), "try")), 2, "cqtest: error: no\ncqtest: hint: try\n"},
		{"code within words", fmt.Errorf("log 1: %w", Rejected(errors.New("bad"))), 1, "cqtest: log 1: bad\n"},
		{"silent verdict within words", fmt.Errorf("log 1: %w", Rejected(nil)), 1, ""},
		{"two within words", fmt.Errorf("%w and %w", Rejected(errors.New("bad")), errors.New("worse")), 3, "cqtest: error: bad and worse\n"},
		{"several", errors.Join(Rejected(errors.New("a")), Hint(errors.New("b"), "h"), Usagef("c"), Untrusted(nil)), 2,
			"cqtest: a\ncqtest: error: b\ncqtest: hint: h\ncqtest: error: c\n"},
		{"several with one hint", Hint(errors.Join(errors.New("a"), Hint(errors.New("b"), "hb")), "h"), 3,
			"cqtest: error: a\ncqtest: hint: h\ncqtest: error: b\ncqtest: hint: hb\n"},
		{"several verdicts", Rejected(errors.Join(errors.New("a"), errors.New("b"))), 1, "cqtest: a\ncqtest: b\n"},
		{"canceled", fmt.Errorf("reading: %w", context.Canceled), 130, "cqtest: error: interrupted\n"},
		{"canceled verdict", Rejected(context.Canceled), 130, "cqtest: error: interrupted\n"},
		{"deadline", context.DeadlineExceeded, 3, "cqtest: error: context deadline exceeded\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := try(program(func(*cobra.Command, []string) error { return tt.err }), "")
			if code != tt.code || stderr != tt.stderr || stdout != "" {
				t.Errorf("code %d, stdout %q, stderr %q; want %d, %q", code, stdout, stderr, tt.code, tt.stderr)
			}
			if got := ExitCode(tt.err); got != tt.code {
				t.Errorf("ExitCode = %d, want %d", got, tt.code)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	order := []int{130, 2, 3, 1, 4, 0}
	for i, a := range order {
		for j, b := range order {
			if got, want := Worse(a, b), order[min(i, j)]; got != want {
				t.Errorf("Worse(%d, %d) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestCalledWrongly(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		stderr string
	}{
		{"unknown flag", []string{"--whatever"}, "error: unknown flag: --whatever\n hint: see \"cqtest --help\""},
		{"mistyped flag", []string{"--nmber", "1"}, "error: unknown flag: --nmber\n hint: did you mean --number?"},
		{"beginning of a flag", []string{"--form", "csv"}, "error: unknown flag: --form\n hint: did you mean --format?"},
		{"unknown letter", []string{"-z"}, "error: unknown shorthand flag: 'z' in -z\n hint: see \"cqtest --help\""},
		{"bad value", []string{"-n", "x"}, "error: invalid argument \"x\" for \"-n, --number\" flag: strconv.ParseInt: parsing \"x\": invalid syntax\n hint: see \"cqtest --help\""},
		{"no value", []string{"-n"}, "error: flag needs an argument: 'n' in -n\n hint: see \"cqtest --help\""},
		{"format", []string{"--format", "html"}, "error: invalid argument \"html\" for \"--format\" flag: not one of table, csv, json\n hint: see \"cqtest --help\""},
		{"formats", []string{"--json", "--format", "csv"}, "error: invalid argument \"csv\" for \"--format\" flag: \"json\" was asked for as well\n hint: see \"cqtest --help\""},
		{"json with value", []string{"--json=x"}, "error: invalid argument \"x\" for \"--json\" flag: it takes no value\n hint: see \"cqtest --help\""},
		{"arguments", []string{"inspect"}, "error: accepts 1 arg(s), received 0\n hint: see \"cqtest inspect --help\""},
		{"argument by default refused", []string{"group", "leaf", "x\x1b"}, `error: unexpected argument "x\x1b"` + "\n hint: see \"cqtest group leaf --help\""},
		{"no subcommand", []string{"group"}, "error: no command given\n hint: see \"cqtest group --help\""},
		{"unknown subcommand", []string{"group", "xyz"}, "error: unknown command \"xyz\"\n hint: see \"cqtest group --help\""},
		{"mistyped subcommand", []string{"group", "leef"}, "error: unknown command \"leef\"\n hint: did you mean \"cqtest group leaf\"?"},
		{"shell", []string{"completion", "tcsh"}, "error: invalid argument \"tcsh\" for \"cqtest completion\"\n hint: see \"cqtest completion --help\""},
		{"no shell", []string{"completion"}, "error: name one shell: bash, zsh or fish\n hint: see \"cqtest completion --help\""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ran := false
			code, stdout, stderr := try(program(func(*cobra.Command, []string) error { ran = true; return nil }), "", tt.args...)
			want := "cqtest: " + strings.ReplaceAll(tt.stderr, "\n ", "\ncqtest: ") + "\n"
			if code != 2 || stdout != "" || stderr != want || ran {
				t.Errorf("code %d, ran %v, stdout %q, stderr\n%s\nwant\n%s", code, ran, stdout, stderr, want)
			}
		})
	}
}

func TestRequiredFlagIsUsage(t *testing.T) {
	cmd := program(func(*cobra.Command, []string) error { return nil })
	cmd.MarkFlagRequired("number")
	if code, _, stderr := try(cmd, ""); code != 2 || !strings.Contains(stderr, `required flag(s) "number" not set`) {
		t.Errorf("code %d, stderr %q", code, stderr)
	}
	cmd = program(func(*cobra.Command, []string) error { return nil })
	cmd.PreRunE = func(*cobra.Command, []string) error { return errors.New("these do not go together") }
	if code, _, stderr := try(cmd, ""); code != 2 {
		t.Errorf("PreRunE: code %d, stderr %q", code, stderr)
	}
}

func TestMistypedSubcommandAsFile(t *testing.T) {
	cmd := program(func(cmd *cobra.Command, args []string) error {
		_, err := Open(cmd, args[0])
		return err
	})
	code, _, stderr := try(cmd, "", "inspcet")
	want := "cqtest: error: open inspcet: no such file or directory\ncqtest: hint: did you mean \"cqtest inspect\"?\n"
	if code != 3 || stderr != want {
		t.Errorf("code %d, stderr %q", code, stderr)
	}
}

func TestInterrupted(t *testing.T) {
	for name, result := range map[string]error{"finished": nil, "verdict": Rejected(nil), "wrong": Usagef("x")} {
		ctx, cancel := context.WithCancel(context.Background())
		cmd := program(func(*cobra.Command, []string) error { cancel(); return result })
		if code := Run(ctx, cmd, Env{}); code != 130 {
			t.Errorf("%s: code %d, want 130", name, code)
		}
	}
}

func TestInterruptedWhileReading(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := program(func(cmd *cobra.Command, _ []string) error {
		in, err := Open(cmd, "-")
		if err != nil {
			return err
		}
		w.WriteString("abc")
		buf := make([]byte, 2)
		for _, want := range []string{"ab", "c"} {
			if n, err := in.Read(buf); err != nil || string(buf[:n]) != want {
				t.Errorf("read %q, %v, want %q", buf[:n], err, want)
			}
		}
		cancel() // with nothing more to read
		_, err = io.ReadAll(in)
		return err
	})
	var stderr bytes.Buffer
	code := Run(ctx, cmd, Env{Stdin: r, Stderr: &stderr})
	if code != 130 || stderr.String() != "cqtest: error: interrupted\n" {
		t.Errorf("code %d, stderr %q", code, stderr.String())
	}
}

func TestQuietAndMessages(t *testing.T) {
	cmd := func() *cobra.Command {
		return program(func(cmd *cobra.Command, _ []string) error {
			Warn(cmd, "odd %q", "x")
			Say(cmd, "wrote %s", "a\nb")
			first := Report(cmd, Hint(errors.New("first"), "try"))
			return errors.Join(first, Report(cmd, nil), Rejected(errors.New("no")))
		})
	}
	code, _, stderr := try(cmd(), "")
	want := "cqtest: warning: odd \"x\"\ncqtest: wrote a\\nb\ncqtest: error: first\ncqtest: hint: try\ncqtest: no\n"
	if code != 3 || stderr != want {
		t.Errorf("code %d, stderr\n%swant\n%s", code, stderr, want)
	}
	if code, _, stderr := try(cmd(), "", "-q"); code != 3 || stderr != "cqtest: error: first\n" {
		t.Errorf("quiet: code %d, stderr %q", code, stderr)
	}
}

func TestResultThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("needs a device that is always full: %v", err)
	}
	defer full.Close()
	for name, result := range map[string]error{"yes": nil, "no": Rejected(nil)} {
		cmd := program(func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(cmd.OutOrStdout(), "the verdict") // and nobody looks
			return result
		})
		var stderr bytes.Buffer
		code := Run(context.Background(), cmd, Env{Stdout: full, Stderr: &stderr})
		if code != 3 || stderr.String() != "cqtest: error: write /dev/full: no space left on device\n" {
			t.Errorf("%s: code %d, stderr %q", name, code, stderr.String())
		}
	}
}

func TestPanicIsNotSwallowed(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic arrived")
		}
	}()
	try(program(func(*cobra.Command, []string) error { panic("a bug") }), "")
}

func TestWithoutRun(t *testing.T) {
	var out, stderr bytes.Buffer
	cmd := &cobra.Command{Use: "lone", RunE: func(cmd *cobra.Command, _ []string) error {
		Warn(cmd, "x")
		o, err := Create(cmd, "-", CreateOptions{})
		if err == nil {
			fmt.Fprint(o, "y")
		}
		return err
	}}
	cmd.SetOut(&out)
	cmd.SetErr(&stderr)
	cmd.SetArgs([]string{})
	if err := cmd.Execute(); err != nil || out.String() != "y" || stderr.String() != "lone: warning: x\n" {
		t.Errorf("%v, stdout %q, stderr %q", err, out.String(), stderr.String())
	}
}
