//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/atomicfile"
)

// bench is a folder with a key, logs to seal, and the programs as processes.
type bench struct {
	t   *testing.T
	dir string
	bin string
}

// newBench makes a folder with n copies of the real log that ships with the module.
func newBench(t *testing.T, n int) *bench {
	t.Helper()
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t, t.TempDir(), clitest.Build(t, "cqsign", "cqverify")}
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-sign.key"), b.path("test.key"), 0o600)
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-sign.pub"), b.path("test.pub"), 0o644)
	for i := range n {
		copyFile(t, filepath.Join(root, "testdata", "logs", "copter.tlog"), b.path(fmt.Sprintf("logs/%02d.tlog", i)), 0o644)
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// command is a program that is to run in the folder.
func (b *bench) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(b.bin, program), args...)
	cmd.Dir = b.dir
	return cmd
}

// must runs a program that has to end with the given code, and returns what it printed.
func (b *bench) must(code int, cmd *exec.Cmd) (stdout, stderr string) {
	b.t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		b.t.Fatalf("%s: exit code %d, want %d (%v)\n%s%s", cmd, got, code, err, &out, &errs)
	}
	return out.String(), errs.String()
}

// files returns the names in the folder of logs by their end.
func (b *bench) files(end string) []string {
	b.t.Helper()
	entries, err := os.ReadDir(b.path("logs"))
	if err != nil {
		b.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), end) {
			names = append(names, e.Name())
		}
	}
	return names
}

// wantWhole checks that all there is besides the logs is seals that hold, indexes, and
// leftovers that no one takes for either.
func (b *bench) wantWhole() {
	b.t.Helper()
	for _, name := range b.files("") {
		ok := atomicfile.IsTemp(name)
		for _, end := range []string{".tlog", ".tlog.cqseal", ".tlog.cqidx"} {
			ok = ok || strings.HasSuffix(name, end)
		}
		if !ok {
			b.t.Errorf("%s is left over", name)
		}
	}
	if seals := b.files(".cqseal"); len(seals) > 0 {
		args := []string{"-k", "test.pub"}
		for _, seal := range seals {
			args = append(args, filepath.Join("logs", strings.TrimSuffix(seal, ".cqseal")))
		}
		if stdout, _ := b.must(0, b.command("cqverify", args...)); strings.Contains(stdout, "warning") {
			b.t.Errorf("sealed, with warnings:\n%s", stdout)
		}
	}
}

// TestKilled kills cqsign at random moments. What seals there are hold, their indexes
// fit, and a further run completes the work.
func TestKilled(t *testing.T) {
	b := newBench(t, 25)
	rounds, killed := 10, 0
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		for _, name := range append(b.files(".cqseal"), b.files(".cqidx")...) {
			if rand.IntN(2) == 0 { // of some logs the seal is gone, of some the index, of some both
				os.Remove(b.path("logs/" + name))
			}
		}
		for _, seal := range b.files(".cqseal") { // a seal without its index warns, and rightly
			if _, err := os.Stat(b.path("logs/" + strings.TrimSuffix(seal, ".cqseal") + ".cqidx")); err != nil {
				os.Remove(b.path("logs/" + seal))
			}
		}
		cmd := b.command("cqsign", "-k", "test.key", "logs")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(120_000)) * time.Microsecond)
		cmd.Process.Kill()
		if cmd.Wait(); !cmd.ProcessState.Exited() {
			killed++
		}
		b.wantWhole()
	}
	t.Logf("killed in %d of %d rounds", killed, rounds)
	b.must(0, b.command("cqsign", "-k", "test.key", "logs"))
	b.wantWhole()
	if n := len(b.files(".cqseal")); n != 25 {
		t.Errorf("%d seals", n)
	}
	b.must(0, b.command("cqverify", "-k", "test.pub", "logs"))
}

// TestTwoAtOnce: two processes that seal one folder seal each log once, and the
// indexes fit the seals.
func TestTwoAtOnce(t *testing.T) {
	b := newBench(t, 40)
	var outs [2]bytes.Buffer
	var cmds [2]*exec.Cmd
	for i := range cmds {
		cmds[i] = b.command("cqsign", "-k", "test.key", "logs")
		cmds[i].Stdout, cmds[i].Stderr = &outs[i], &outs[i]
		if err := cmds[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, &outs[i])
		}
	}
	both := outs[0].String() + outs[1].String()
	if sealed, had := strings.Count(both, ": sealed as "), strings.Count(both, ": has a seal already\n"); sealed != 40 || had != 40 {
		t.Errorf("%d sealed, %d had a seal, want 40 each\n%s", sealed, had, both)
	}
	if left := b.files(".tmp"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	b.wantWhole()
}

// TestInterrupted: an interrupted cqsign ends with 130 and leaves nothing of what it
// had not finished, whether it waits for a pipe or reads a log.
func TestInterrupted(t *testing.T) {
	b := newBench(t, 1)
	for _, args := range [][]string{
		{"-k", "test.key", "-o", "logs/out.cqseal", "-"},
		{"-k", "test.key", "-o", "logs/out.cqseal", "logs/pipe"},
	} {
		t.Run(args[len(args)-1], func(t *testing.T) {
			log, err := os.ReadFile(b.path("logs/00.tlog"))
			if err != nil {
				t.Fatal(err)
			}
			cmd := b.command("cqsign", args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			var pipe io.WriteCloser
			if args[len(args)-1] == "-" {
				if pipe, err = cmd.StdinPipe(); err != nil {
					t.Fatal(err)
				}
			} else if err := syscall.Mkfifo(b.path("logs/pipe"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if pipe == nil {
				if pipe, err = os.OpenFile(b.path("logs/pipe"), os.O_WRONLY, 0); err != nil {
					t.Fatal(err)
				}
				defer os.Remove(b.path("logs/pipe"))
			}
			defer pipe.Close()
			pipe.Write(log) // it is read, so the program is at work
			cmd.Process.Signal(os.Interrupt)
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
				t.Errorf("%v, want exit code 130", err)
			}
			if got := stderr.String(); got != "cqsign: error: interrupted\n" {
				t.Errorf("stderr %q", got)
			}
			for _, name := range b.files("") {
				if name != "00.tlog" && name != "pipe" {
					t.Errorf("left %s", name)
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	t.Chdir(b.dir)
	if code, _, _ := run(ctx, nil, "-k", "test.key", "logs"); code != 130 || len(b.files(".cqseal")) > 0 {
		t.Errorf("interrupted from the start: exit code %d, %v", code, b.files(""))
	}
}

// TestGrowing: a log that changes while it is sealed or judged is an error that says
// so, not a seal and not a verdict.
func TestGrowing(t *testing.T) {
	b := newBench(t, 1)
	log, err := os.ReadFile(b.path("logs/00.tlog"))
	if err != nil {
		t.Fatal(err)
	}
	big := b.path("growing.tlog")
	if err := os.WriteFile(big, bytes.Repeat(log, 20), 0o644); err != nil {
		t.Fatal(err)
	}
	b.must(0, b.command("cqsign", "-k", "test.key", "-o", "before.cqseal", "growing.tlog"))
	f, err := os.OpenFile(big, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				f.Write(log[:29])
			}
		}
	}()
	t.Chdir(b.dir)
	code, stdout, stderr := run(context.Background(), nil, "-k", "test.key", "growing.tlog")
	if code != 3 || stdout != "" || !strings.Contains(stderr, "cqsign: error: \"growing.tlog\": the log changed while it was read\n"+
		"cqsign: hint: wait until its recording has ended, then try again\n") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	_, stderr = b.must(3, b.command("cqverify", "-k", "test.pub", "-s", "before.cqseal", "growing.tlog"))
	if !strings.Contains(stderr, "changed while it was read") {
		t.Error(stderr)
	}
	close(stop)
	<-stopped
	if _, err := os.Stat("growing.tlog.cqseal"); err == nil {
		t.Error("there is a seal")
	}
	if left, _ := filepath.Glob(".growing*"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestFullDisk: without room for the index, the seal or the report there is an error,
// and nothing but what was whole before.
func TestFullDisk(t *testing.T) {
	b := newBench(t, 2)
	disk := b.path("logs/full")
	if err := os.Mkdir(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := mountSmall(disk, 300<<10); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { exec.Command("umount", disk).Run() })
	copyFile(t, b.path("logs/00.tlog"), filepath.Join(disk, "1.tlog"), 0o644)

	_, stderr := b.must(3, b.command("cqsign", "-k", "test.key", "logs/full"))
	if !strings.Contains(stderr, "cqsign: error: ") || !strings.Contains(stderr, "no space left on device") {
		t.Error(stderr)
	}
	entries, err := os.ReadDir(disk)
	if err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
	// one log on a full disk does not stop another
	stdout, _ := b.must(3, b.command("cqsign", "-k", "test.key", "-r", "logs"))
	if strings.Count(stdout, ": sealed as ") != 2 {
		t.Error(stdout)
	}
	// without an index there is room for the seal
	b.must(0, b.command("cqsign", "-k", "test.key", "--no-index", "logs/full"))
	b.must(0, b.command("cqverify", "-k", "test.pub", "logs/full"))
	if err := os.WriteFile(filepath.Join(disk, "filler"), make([]byte, 1<<20), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	_, stderr = b.must(3, b.command("cqverify", "-k", "test.pub", "-o", "logs/full/report", "logs"))
	if !strings.Contains(stderr, "no space left on device") {
		t.Error(stderr)
	}
	if _, err := os.Stat(filepath.Join(disk, "report")); err == nil {
		t.Error("there is half a report")
	}
}

// mountSmall mounts a file system of so many bytes.
func mountSmall(dir string, size int) error {
	if runtime.GOOS != "linux" {
		return errors.New("it takes Linux")
	}
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", size), "tmpfs", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// TestNoRoomToWrite: standard output that is full or closed is an error, and the seals
// are there all the same.
func TestNoRoomToWrite(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	b := newBench(t, 3)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, cmd := range []*exec.Cmd{
		b.command("cqsign", "-k", "test.key", "logs"),
		b.command("cqsign", "-k", "test.key", "--json", "logs"),
		b.command("cqverify", "-k", "test.pub", "logs"),
		b.command("cqverify", "info", "--json", "logs"),
	} {
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = full, &stderr
		cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(stderr.String(), "no space left on device") {
			t.Errorf("%s: exit code %d\n%s", cmd, code, &stderr)
		}
		if strings.Count(stderr.String(), "error: ") != 1 {
			t.Errorf("%s says it more than once:\n%s", cmd, &stderr)
		}
	}
	b.wantWhole()
	if n := len(b.files(".cqseal")); n != 3 {
		t.Errorf("%d seals", n)
	}
	b.must(3, b.command("cqsign", "-k", "test.key", "-o", "/dev/full", "logs/00.tlog"))
	if _, err := os.Stat("/dev/full.cqidx"); err == nil {
		t.Error("an index was written beside a device")
	}
}

// TestBrokenPipe: whoever reads the result goes away. What was sealed stays whole.
func TestBrokenPipe(t *testing.T) {
	b := newBench(t, 10)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := b.command("cqsign", "-k", "test.key", "logs")
	cmd.Stdout = w
	if err := cmd.Run(); err == nil {
		t.Error("it went unnoticed")
	}
	w.Close()
	b.wantWhole()
	b.must(0, b.command("cqsign", "-k", "test.key", "logs"))
	b.wantWhole()
}
