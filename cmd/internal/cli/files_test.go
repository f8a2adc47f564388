package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"cqkit/pkg/atomicfile"
	"cqkit/pkg/report"
)

// copyFiles opens every argument but the last and copies them to it.
func copyFiles(opts CreateOptions) *cobra.Command {
	return program(func(cmd *cobra.Command, args []string) error {
		last := len(args) - 1
		var all bytes.Buffer
		for _, name := range args[:last] {
			in, err := Open(cmd, name)
			if err != nil {
				return err
			}
			defer in.Close()
			if _, err := io.Copy(&all, in); err != nil {
				return err
			}
		}
		out, err := Create(cmd, args[last], opts)
		if err != nil {
			return err
		}
		defer out.Close()
		if _, err := out.Write(all.Bytes()); err != nil {
			return err
		}
		return out.Commit()
	})
}

func TestFiles(t *testing.T) {
	tests := []struct {
		name   string
		args   string
		opts   CreateOptions
		code   int
		stdout string
		stderr string
		file   string // what "out" holds afterwards, if anything
	}{
		{name: "file to file", args: "a out", file: "A"},
		{name: "several", args: "a b out", file: "AB"},
		{name: "standard streams", args: "- -", stdout: "S"},
		{name: "nothing is standard output", args: "a ", stdout: "A"},
		{name: "standard input between", args: "a - b out", file: "ASB"},
		{name: "twice", args: "- - out", code: 2, stderr: `error: standard input, "-", is given more than once` + "\n hint: save it to a file first, or give the others by name"},
		{name: "missing", args: "none out", code: 3, stderr: "error: open none: no such file or directory"},
		{name: "folder", args: "folder out", code: 3, stderr: "error: read folder: is a folder"},
		{name: "into a folder", args: "a folder", code: 3, stderr: "error: create folder: is a folder"},
		{name: "no such folder", args: "a none/out", code: 3, stderr: "error: create none/out: no such file or directory"},
		{name: "exists", args: "a b", code: 3, stderr: `error: "b" already exists` + "\n hint: use --force to overwrite it"},
		{name: "forced", args: "a b", opts: CreateOptions{Force: true}},
		{name: "same file", args: "a a", code: 2, stderr: `error: input and output are the same file, "a"` + "\n hint: give the output a name of its own"},
		{name: "same file forced", args: "a ./a", opts: CreateOptions{Force: true}, code: 2, stderr: `error: input and output are the same file, "a"` + "\n hint: give the output a name of its own"},
		{name: "same file by a link", args: "link a", opts: CreateOptions{Force: true}, code: 2, stderr: `error: input and output are the same file, "link"` + "\n hint: give the output a name of its own"},
		{name: "device", args: "a /dev/null"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && (strings.Contains(tt.args, "/dev") || tt.code == 3) {
				t.Skip("devices and the system's messages are other ones on Windows")
			}
			t.Chdir(t.TempDir())
			os.WriteFile("a", []byte("A"), 0o600)
			os.WriteFile("b", []byte("B"), 0o600)
			os.Mkdir("folder", 0o700)
			if err := os.Link("a", "link"); err != nil {
				t.Logf("no hard links here: %v", err)
				os.WriteFile("link", nil, 0o600)
			}
			before, _ := os.ReadDir(".")
			code, stdout, stderr := try(copyFiles(tt.opts), "S", strings.Split(tt.args, " ")...)
			want := tt.stderr
			if want != "" {
				want = "cqtest: " + strings.ReplaceAll(want, "\n ", "\ncqtest: ") + "\n"
			}
			if code != tt.code || stdout != tt.stdout || stderr != want {
				t.Errorf("code %d, stdout %q, stderr %q; want %d, %q, %q", code, stdout, stderr, tt.code, tt.stdout, want)
			}
			got, err := os.ReadFile("out")
			if tt.file != "" && string(got) != tt.file || tt.file == "" && err == nil {
				t.Errorf("out holds %q, %v; want %q", got, err, tt.file)
			}
			if after, _ := os.ReadDir("."); tt.file == "" && len(after) != len(before) {
				t.Errorf("left behind: %v", after)
			}
		})
	}
}

func TestOutputsAndInputsKnowEachOther(t *testing.T) {
	t.Chdir(t.TempDir())
	os.WriteFile("a", []byte("A"), 0o600)
	tests := []struct {
		name string
		run  func(cmd *cobra.Command) error
		want string // "" for no error
	}{
		{"declared, then opened", func(cmd *cobra.Command) error {
			if err := Declare(cmd, "-", "a", "none"); err != nil {
				return err
			}
			_, err := Open(cmd, "-")
			return err
		}, ""},
		{"declared twice", func(cmd *cobra.Command) error { return Declare(cmd, "-", "-") }, "more than once"},
		{"declared, then opened twice", func(cmd *cobra.Command) error {
			if err := Declare(cmd, "-"); err != nil {
				return err
			}
			Open(cmd, "-")
			_, err := Open(cmd, "-")
			return err
		}, "more than once"},
		{"declared input written", func(cmd *cobra.Command) error {
			Declare(cmd, "a")
			_, err := Create(cmd, "a", CreateOptions{Force: true})
			return err
		}, "same file"},
		{"written, then read", func(cmd *cobra.Command) error {
			out, err := Create(cmd, "a", CreateOptions{Force: true})
			if err != nil {
				return err
			}
			defer out.Close()
			_, err = Open(cmd, "./a")
			return err
		}, "same file"},
		{"same output twice", func(cmd *cobra.Command) error {
			out, err := Create(cmd, "x", CreateOptions{})
			if err != nil {
				return err
			}
			defer out.Close()
			_, err = Create(cmd, "./x", CreateOptions{})
			return err
		}, "more than once"},
		{"standard output twice", func(cmd *cobra.Command) error {
			Create(cmd, "-", CreateOptions{})
			_, err := Create(cmd, "", CreateOptions{})
			return err
		}, "more than once"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got error
			try(program(func(cmd *cobra.Command, _ []string) error { got = tt.run(cmd); return got }), "")
			if tt.want == "" && got != nil || tt.want != "" && (got == nil || !strings.Contains(got.Error(), tt.want) || ExitCode(got) != 2) {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}

func TestStandardInputIsTheOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	os.WriteFile("a", []byte("A"), 0o600)
	f, err := os.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var stderr bytes.Buffer
	code := Run(context.Background(), copyFiles(CreateOptions{Force: true}), Env{Args: []string{"-", "a"}, Stdin: f, Stderr: &stderr})
	if want := "cqtest: error: standard input and output are the same file, \"a\"\n"; code != 2 || filepath.ToSlash(trimFolder(stderr.String())) != want {
		t.Errorf("code %d, stderr %q", code, stderr.String())
	}
	app, err := os.OpenFile("a", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	stderr.Reset()
	code = Run(context.Background(), copyFiles(CreateOptions{}), Env{Args: []string{"a", "-"}, Stdout: app, Stderr: &stderr})
	if want := "cqtest: error: input and standard output are the same file, \"a\"\n"; code != 2 || stderr.String() != want {
		t.Errorf("code %d, stderr %q", code, stderr.String())
	}
}

// trimFolder takes the test's own folder out of a message.
func trimFolder(s string) string {
	wd, _ := os.Getwd()
	return strings.ReplaceAll(s, wd+string(filepath.Separator), "")
}

func TestInputFile(t *testing.T) {
	t.Chdir(t.TempDir())
	os.WriteFile("a", []byte("A"), 0o600)
	cmd := program(func(cmd *cobra.Command, _ []string) error {
		in, err := Open(cmd, "a")
		if err != nil {
			return err
		}
		if f, ok := in.File(); !ok || f.Name() != "a" {
			t.Errorf("File() = %v, %v", f, ok)
		}
		if err := in.Close(); err != nil {
			return err
		}
		in, err = Open(cmd, "-")
		if err != nil {
			return err
		}
		if _, ok := in.File(); ok {
			t.Error("standard input is a file to be mapped")
		}
		return in.Close()
	})
	if code, _, stderr := try(cmd, ""); code != 0 {
		t.Error(stderr)
	}
}

func TestRaceForOutput(t *testing.T) {
	t.Chdir(t.TempDir())
	cmd := program(func(cmd *cobra.Command, _ []string) error {
		out, err := Create(cmd, "x", CreateOptions{Private: true})
		if err != nil {
			return err
		}
		defer out.Close()
		os.WriteFile("x", []byte("theirs"), 0o600)
		return out.Commit()
	})
	code, _, stderr := try(cmd, "")
	if got, _ := os.ReadFile("x"); code != 3 || string(got) != "theirs" || !strings.Contains(stderr, `"x" already exists`) {
		t.Errorf("code %d, file %q, stderr %q", code, got, stderr)
	}
}

func TestReports(t *testing.T) {
	newCommand := func() *cobra.Command {
		var r *Reports
		cmd := &cobra.Command{Use: "cqtest", RunE: func(cmd *cobra.Command, _ []string) error {
			return r.Write(cmd, func(w io.Writer, style report.Style) error {
				_, err := fmt.Fprintln(w, r.Format, style.Width, style.Color)
				return err
			})
		}}
		r = AddReportFlags(cmd, report.Table, report.JSON)
		return cmd
	}
	t.Chdir(t.TempDir())
	for args, want := range map[string]string{"": "table", "--json": "json", "--format json --json": "json", "-o -": "table"} {
		if code, stdout, stderr := try(newCommand(), "", strings.Fields(args)...); code != 0 || stdout != want+" 80 false\n" {
			t.Errorf("%q: code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
	steps := []struct {
		args string
		code int
		file string
	}{{"-o x", 0, "table"}, {"-o x --json", 3, "table"}, {"-o x --json --force", 0, "json"}}
	for _, step := range steps {
		code, _, stderr := try(newCommand(), "", strings.Fields(step.args)...)
		if got, _ := os.ReadFile("x"); code != step.code || !strings.HasPrefix(string(got), step.file) {
			t.Errorf("%q: code %d, file %q, stderr %q", step.args, code, got, stderr)
		}
	}
	var r Reports
	cmd := program(func(cmd *cobra.Command, _ []string) error {
		return r.Write(cmd, func(io.Writer, report.Style) error { return errors.New("half way") })
	})
	r.Output = "y"
	if code, _, _ := try(cmd, ""); code != 3 {
		t.Errorf("failed report: code %d", code)
	}
	if _, err := os.Stat("y"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("half a report was left")
	}
	list, _ := os.ReadDir(".")
	for _, e := range list {
		if atomicfile.IsTemp(e.Name()) {
			t.Errorf("%s was left", e.Name())
		}
	}
}
