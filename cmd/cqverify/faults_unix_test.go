//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cqkit/cmd/internal/cli/clitest"
)

// TestInterrupted: an interrupted cqverify ends with 130, and what it had found by then
// is in the report. Standard input is what keeps it waiting.
func TestInterrupted(t *testing.T) {
	cqverify := filepath.Join(clitest.Build(t, "cqverify"), "cqverify")
	s := newSealer(t)
	t.Chdir(t.TempDir())
	log := slices.Concat(made(t, "flight", 300, 1)...)
	put(t, "flight.tlog", log)
	s.seal(log, "flight.tlog.cqseal", "flight.tlog", 0, true)
	put(t, "pilot.pub", publicKey(t, s.key, "pilot-7"))
	for _, tt := range []struct {
		args []string
		want string // on standard output
	}{
		{[]string{"-k", "pilot.pub", "-s", "flight.tlog.cqseal", "-"}, ""},
		{[]string{"-k", "pilot.pub", "-s", "-", "flight.tlog"}, ""},
		{[]string{"info", "flight.tlog", "-"}, "flight.tlog\n"},
		{[]string{"proof", "-k", "pilot.pub", "-"}, ""},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			// How long the other log takes is not known, but sooner or later it is read.
			for wait := 20 * time.Millisecond; ; wait *= 2 {
				stdout := interrupt(t, exec.Command(cqverify, tt.args...), wait)
				if strings.HasPrefix(stdout, tt.want) && (tt.want != "" || stdout == "") {
					return
				}
				if wait > 10*time.Second {
					t.Fatalf("stdout %q", stdout)
				}
			}
		})
	}
}

// interrupt runs a program that reads standard input, interrupts it some time after it
// has begun to, and returns what it printed.
func interrupt(t *testing.T, cmd *exec.Cmd, wait time.Duration) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// More than a pipe holds: when it is written, the program reads.
	stdin.Write(bytes.Repeat([]byte("x"), 256<<10))
	time.Sleep(wait)
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Fatalf("%v, want exit code 130", err)
	}
	if got := stderr.String(); got != "cqverify: error: interrupted\n" {
		t.Errorf("stderr %q", got)
	}
	return stdout.String()
}
