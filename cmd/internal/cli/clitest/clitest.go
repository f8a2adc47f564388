// Package clitest tests the programs. A program's command_test.go says
//
//	func TestMain(m *testing.M)   { clitest.Main(m, newCommand) }
//	func TestScripts(t *testing.T) { clitest.Scripts(t, "cqkeygen", "cqsign") }
//	func TestHelp(t *testing.T)    { clitest.Help(t, newCommand) }
//
// and the rest of its tests are scripts under testdata/script. The flag -update
// renews golden files in scripts and the command pages under docs/cmd.
//
// Beside testscript's own commands, scripts have
//
//	status N PROGRAM [ARG...]    run a program that must exit with code N
//	patch FILE OFFSET HEX        write bytes over those at an offset; from the end if negative
//	truncate FILE SIZE           cut a file to SIZE bytes; -N cuts N bytes off its end
//	mode FILE OCTAL              the file must have these permissions (not on Windows)
//
// and the condition [root], true if permissions do not bind the user.
package clitest

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
)

var update = flag.Bool("update", false, "renew golden files and command pages")

// Update reports whether golden files are to be renewed.
func Update() bool { return *update }

// A Helper is a program that scripts need and nobody else: the test binary under
// another name.
type Helper struct {
	Name string
	Main func(args []string) int // returns the exit code
}

// Main runs the tests of one program. Scripts can then run it and the helpers by name.
func Main(m *testing.M, newCommand func() *cobra.Command, helpers ...Helper) {
	programs := map[string]func(){
		newCommand().Name(): func() { os.Exit(cli.Main(newCommand())) },
	}
	for _, h := range helpers {
		programs[h.Name] = func() { os.Exit(h.Main(os.Args[1:])) }
	}
	testscript.Main(cleaning{m}, programs)
}

// cleaning removes after the tests what Build made.
type cleaning struct{ m *testing.M }

func (c cleaning) Run() int {
	defer os.RemoveAll(buildFolder())
	return c.m.Run()
}

func buildFolder() string {
	return filepath.Join(os.TempDir(), "cqkit-test-"+strconv.Itoa(os.Getpid()))
}

// Scripts runs testdata/script/*.txtar, each in a folder of its own. The other
// programs of this module that scripts need are built from source first.
func Scripts(t *testing.T, others ...string) {
	t.Helper()
	bin := ""
	if len(others) > 0 {
		bin = Build(t, others...)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			if bin != "" {
				env.Setenv("PATH", env.Getenv("PATH")+string(filepath.ListSeparator)+bin)
			}
			root, err := Root()
			env.Setenv("MODULE", root) // where testdata/ and ../shared are found from
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":   status,
			"patch":    patch,
			"truncate": truncate,
			"mode":     mode,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// Root returns the folder of the module, found from the working directory up.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = up
	}
}

var builds sync.Map // program → func() (string, error)

// Build builds programs of this module once in a test binary's life and returns
// the folder they are in, which Main removes at the end.
func Build(t testing.TB, programs ...string) string {
	t.Helper()
	folder := buildFolder()
	for _, name := range programs {
		build, _ := builds.LoadOrStore(name, sync.OnceValue(func() error {
			root, err := Root()
			if err != nil {
				return err
			}
			exe := filepath.Join(folder, name)
			if runtime.GOOS == "windows" {
				exe += ".exe"
			}
			cmd := exec.Command("go", "build", "-o", exe, "./cmd/"+name)
			cmd.Dir = root
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("building %s: %v\n%s", name, err, out)
			}
			return nil
		}))
		if err := build.(func() error)(); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status code program [arg...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func patch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: patch file offset hex")
	}
	offset, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	bytes, err := hex.DecodeString(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	defer f.Close()
	info, err := f.Stat()
	ts.Check(err)
	if offset < 0 {
		offset += info.Size()
	}
	if offset < 0 || offset+int64(len(bytes)) > info.Size() {
		ts.Fatalf("%s has %d bytes", args[0], info.Size())
	}
	_, err = f.WriteAt(bytes, offset)
	ts.Check(err)
}

func truncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate file size")
	}
	size, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	if size < 0 {
		info, err := os.Stat(path)
		ts.Check(err)
		size += info.Size()
	}
	ts.Check(os.Truncate(path, size))
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode file octal")
	}
	want, err := strconv.ParseUint(args[1], 8, 32)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if runtime.GOOS != "windows" && uint64(info.Mode().Perm()) != want {
		ts.Fatalf("%s has mode %#o, want %#o", args[0], info.Mode().Perm(), want)
	}
}
