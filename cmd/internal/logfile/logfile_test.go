package logfile

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
)

// in makes files with their own names in them, and folders for names that end in a
// slash, and changes to the folder they are in.
func in(t *testing.T, names ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, name := range names {
		dir := filepath.Dir(name)
		if strings.HasSuffix(name, "/") {
			dir = name
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if dir == name {
			continue
		}
		if err := os.WriteFile(name, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFind(t *testing.T) {
	in(t, "a.tlog", "b.raw", "d/1.tlog", "d/2.TLOG", "d/1.tlog.cqseal", "d/gone.tlog.cqseal", "d/other.cqseal",
		"d/.hidden.tlog", "d/.dir/3.tlog", "d/deep/4.tlog", "d/deep/lost.tlog.cqseal", "d/folder.tlog/5.tlog", "empty/")
	tests := []struct {
		name      string
		args      string
		recursive bool
		sealed    bool
		want      string // "!" after what has an error, "/" after what is from a folder
	}{
		{"files and standard input", "a.tlog - b.raw", false, false, "a.tlog - b.raw"},
		{"a folder", "d", false, false, "d/1.tlog/ d/2.TLOG/"},
		{"with subfolders", "d", true, false, "d/1.tlog/ d/2.TLOG/ d/deep/4.tlog/ d/folder.tlog/5.tlog/"},
		{"with lost logs", "d", false, true, "d/1.tlog/ d/2.TLOG/ d/gone.tlog/!"},
		{"with all lost logs", "d", true, true, "d/1.tlog/ d/2.TLOG/ d/deep/4.tlog/ d/deep/lost.tlog/! d/folder.tlog/5.tlog/ d/gone.tlog/!"},
		{"each once", "a.tlog ./a.tlog d/1.tlog d d/../a.tlog", false, false, "a.tlog d/1.tlog d/2.TLOG/"},
		{"named itself after its folder", "d d/2.TLOG", false, false, "d/1.tlog/ d/2.TLOG"},
		{"standard input twice", "- -", false, false, "- -"},
		{"missing", "a.tlog none b.raw", false, false, "a.tlog none! b.raw"},
		{"an empty folder", "empty a.tlog", false, false, "empty/! a.tlog"},
		{"a hidden folder that is named", "d/.dir", false, false, "d/.dir/3.tlog/"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range find(strings.Fields(tt.args), tt.recursive, tt.sealed) {
				name := filepath.ToSlash(f.Path)
				if f.InFolder {
					name += "/"
				}
				if f.Err != nil {
					name += "!"
				}
				got = append(got, name)
			}
			if want := strings.Fields(tt.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestPaths(t *testing.T) {
	for log, want := range map[string]string{"a.tlog": "a.tlog.cqidx", "x": "x.cqidx"} {
		if got := IndexPath(SealPath(log)); got != want {
			t.Errorf("index of %s: %s", log, got)
		}
	}
	if got := IndexPath("out.seal"); got != "out.seal.cqidx" {
		t.Error(got)
	}
	if err := CheckNames([]string{"a.tlog", "-", "cqseal", "b.cqseal.tlog"}); err != nil {
		t.Error(err)
	}
	for _, arg := range []string{"a.tlog.cqseal", "a.tlog.cqidx"} {
		if err := CheckNames([]string{"a.tlog", arg}); cli.ExitCode(err) != 2 {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

// within runs f in a program whose standard input is given.
func within(t *testing.T, stdin io.Reader, f func(cmd *cobra.Command) error) int {
	t.Helper()
	cmd := &cobra.Command{Use: "x", RunE: func(cmd *cobra.Command, _ []string) error { return f(cmd) }}
	return cli.Run(context.Background(), cmd, cli.Env{Stdin: stdin, Stderr: t.Output()})
}

func TestOpen(t *testing.T) {
	in(t, "log", "seal/")
	code := within(t, strings.NewReader("standard input"), func(cmd *cobra.Command) error {
		for name, want := range map[string]string{"log": "log", "-": "standard input"} {
			l, err := Open(cmd, name)
			if err != nil {
				return err
			}
			got, err := io.ReadAll(l.Reader())
			if err != nil || string(got) != want || l.Size != int64(len(want)) {
				t.Errorf("%s: %q, %d bytes, %v", name, got, l.Size, err)
			}
			if err := errors.Join(l.Unchanged(), l.Close()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := Open(cmd, "seal"); err == nil {
			t.Error("a folder was opened")
		}
		if _, err := Open(cmd, "none"); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		return nil
	})
	if code != 0 {
		t.Error(code)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "cqkit-*.tlog")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestUnchanged(t *testing.T) {
	changes := map[string]func() error{
		"longer":  func() error { return os.WriteFile("log", []byte("logs"), 0o644) },
		"shorter": func() error { return os.Truncate("log", 1) },
		"touched": func() error { return os.Chtimes("log", time.Time{}, time.Unix(1, 0)) },
	}
	for name, change := range changes {
		in(t, "log")
		within(t, nil, func(cmd *cobra.Command) error {
			l, err := Open(cmd, "log")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if err := l.Unchanged(); err != nil {
				t.Error(err)
			}
			if err := change(); err != nil {
				t.Fatal(err)
			}
			if err := l.Unchanged(); !errors.Is(err, ErrChanged) {
				t.Errorf("%s: %v", name, err)
			}
			return nil
		})
	}
}

func TestReadSealOf(t *testing.T) {
	in(t, "a", "a.cqseal", "b", "b.cqseal/")
	within(t, nil, func(cmd *cobra.Command) error {
		if data, err := ReadSealOf(cmd, "a"); string(data) != "a.cqseal" {
			t.Errorf("%q, %v", data, err)
		}
		if _, err := ReadSealOf(cmd, "b"); !errors.Is(err, ErrNotRegular) {
			t.Error(err)
		}
		if _, err := ReadSealOf(cmd, "c"); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		return nil
	})
}

// TestMadeUpFiles: files under /proc say that they are empty and are not.
func TestMadeUpFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /proc")
	}
	within(t, nil, func(cmd *cobra.Command) error {
		l, err := Open(cmd, "/proc/self/stat")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if l.Size == 0 {
			t.Error("taken for empty")
		}
		if l, err := Open(cmd, "/proc/self/mem"); err == nil {
			t.Errorf("%d bytes", l.Size)
		}
		return nil
	})
}

func TestDeclare(t *testing.T) {
	in(t, "a", "bc", "d/")
	for _, tt := range []struct {
		logs  []Found
		total int64
		code  int
	}{
		{[]Found{{Path: "a"}, {Path: "bc"}, {Path: "x", Err: errors.New("no")}}, 3, 0},
		{[]Found{{Path: "a"}, {Path: "-"}}, 0, 0},
		{[]Found{{Path: "a"}, {Path: "gone"}}, 0, 0},
		{[]Found{{Path: "-"}, {Path: "-"}}, 0, 2},
	} {
		code := within(t, strings.NewReader(""), func(cmd *cobra.Command) error {
			total, err := Declare(cmd, tt.logs)
			if total != tt.total {
				t.Errorf("%v: %d bytes, want %d", tt.logs, total, tt.total)
			}
			return err
		})
		if code != tt.code {
			t.Errorf("%v: exit code %d, want %d", tt.logs, code, tt.code)
		}
	}
	within(t, nil, func(cmd *cobra.Command) error {
		if _, err := Declare(cmd, []Found{{Path: "a"}}); err != nil {
			return err
		}
		if _, err := cli.Create(cmd, "a", cli.CreateOptions{Force: true}); cli.ExitCode(err) != 2 {
			t.Errorf("a declared log may be written over: %v", err)
		}
		return nil
	})
}
