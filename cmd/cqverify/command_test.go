package main

import (
	"bytes"
	"context"
	"io"
	"testing"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
)

func TestMain(m *testing.M) {
	clitest.Main(m, newCommand, clitest.Helper{Name: "mangle", Main: mangle}, clitest.Helper{Name: "peak", Main: peakMain}, clitest.Helper{Name: "commandlog", Main: commandlog})
}

func TestHelp(t *testing.T) { clitest.Help(t, newCommand) }

// TestScripts runs the scripts, which have cqkeygen, cqsign, and mangle to make and
// edit logs.
func TestScripts(t *testing.T) { clitest.Scripts(t, "cqkeygen", "cqsign") }

// run runs cqverify and returns its exit code and what it printed.
func run(ctx context.Context, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, newCommand(), cli.Env{Args: args, Stdin: stdin, Stdout: &out, Stderr: &errs})
	return code, out.String(), errs.String()
}
