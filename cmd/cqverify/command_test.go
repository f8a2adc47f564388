package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
)

func TestMain(m *testing.M) {
	if program := filepath.Base(os.Args[0]); strings.TrimSuffix(program, ".exe") == "mangle" {
		os.Exit(mangle(os.Args[1:]))
	}
	clitest.Main(m, newCommand)
}

func TestHelp(t *testing.T) { clitest.Help(t, newCommand) }

// TestScripts runs the scripts, which have cqkeygen, cqsign, and mangle to make and
// edit logs: this test binary under another name.
func TestScripts(t *testing.T) {
	installMangle(t, clitest.Build(t, "cqkeygen", "cqsign"))
	clitest.Scripts(t, "cqkeygen", "cqsign")
}

func installMangle(t *testing.T, bin string) {
	t.Helper()
	name := filepath.Join(bin, "mangle")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o755); err != nil {
		t.Fatal(err)
	}
}

// run runs cqverify and returns its exit code and what it printed.
func run(ctx context.Context, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, newCommand(), cli.Env{Args: args, Stdin: stdin, Stdout: &out, Stderr: &errs})
	return code, out.String(), errs.String()
}
