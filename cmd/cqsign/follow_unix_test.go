//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// following is a cqsign --follow that runs.
type following struct {
	*bench
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func (b *bench) follow(args ...string) *following {
	b.t.Helper()
	f := &following{bench: b, cmd: b.command("cqsign", append([]string{"-k", "test.key", "--follow"}, args...)...)}
	f.cmd.Stdout, f.cmd.Stderr = &f.stdout, &f.stderr
	if err := f.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	return f
}

// end sends a signal, unless that is 0, and checks the exit code; -1 is for killed.
func (f *following) end(signal syscall.Signal, code int) {
	f.t.Helper()
	if signal != 0 {
		f.cmd.Process.Signal(signal)
	}
	f.cmd.Wait()
	if got := f.cmd.ProcessState.ExitCode(); got != code {
		f.t.Errorf("%s: exit code %d, want %d\n%s%s", f.cmd, got, code, &f.stdout, &f.stderr)
	}
}

// until waits for something to become so.
func (b *bench) until(what string, is func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within a minute", what)
		}
	}
}

// notes returns how many whole notes a seal has.
func (b *bench) notes(name string) int {
	data, _ := os.ReadFile(b.path(name))
	p, err := seal.Parse(data)
	if err != nil {
		return 0
	}
	return len(p.Notes)
}

func (b *bench) append(name string, data []byte) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(name string) []byte {
	b.t.Helper()
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

// TestFollowSignals ends a following as people and service managers do, while the log
// grows and when it has grown.
func TestFollowSignals(t *testing.T) {
	for name, tt := range map[string]struct {
		signal syscall.Signal
		code   int
	}{"Ctrl-C": {syscall.SIGINT, 130}, "SIGTERM": {syscall.SIGTERM, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 1)
			log := b.read("logs/00.tlog")
			b.append("f.tlog", log[:100_000])
			f := b.follow("--every", "50ms", "f.tlog")
			b.until("a note", func() bool { return b.notes("f.tlog.cqseal") >= 1 })
			b.append("f.tlog", log[100_000:])
			b.until("a further note", func() bool { return b.notes("f.tlog.cqseal") >= 2 })
			f.end(tt.signal, tt.code)
			if stdout, _ := b.must(0, b.command("cqverify", "-k", "test.pub", "f.tlog")); strings.Contains(stdout, "warning") {
				t.Error(stdout)
			}
			if !strings.Contains(f.stdout.String(), "5,360 records") {
				t.Errorf("%s", &f.stdout)
			}
		})
	}
}

// TestFollowKilled kills a following at random moments, again and again, while the log
// grows. What it leaves is an open seal or none, and the same command goes on with it to
// the end.
func TestFollowKilled(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	log := b.read("logs/00.tlog")
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	for i := range rounds {
		b.append("f.tlog", log[len(log)*i/rounds:len(log)*(i+1)/rounds])
		f := b.follow("--every", "20ms", "f.tlog")
		if i%3 == 0 {
			before := b.notes("f.tlog.cqseal")
			b.until("a note", func() bool { return b.notes("f.tlog.cqseal") > before })
		}
		time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		f.end(syscall.SIGKILL, -1)
		if _, err := os.Stat(b.path("f.tlog.cqseal")); err == nil {
			stdout, _ := b.must(0, b.command("cqverify", "-k", "test.pub", "--allow-open", "f.tlog"))
			if !strings.Contains(stdout, "OPEN") {
				t.Error(stdout)
			}
		}
		if i%4 == 1 { // as a power cut leaves it
			if data, err := os.ReadFile(b.path("f.tlog.cqseal")); err == nil && b.notes("f.tlog.cqseal") > 1 {
				os.Truncate(b.path("f.tlog.cqseal"), int64(len(data)-1-rand.IntN(6000)))
			}
		}
	}
	b.follow("--idle", "100ms", "f.tlog").end(0, 0)
	if stdout, _ := b.must(0, b.command("cqverify", "-k", "test.pub", "f.tlog")); strings.Contains(stdout, "warning") {
		t.Error(stdout)
	}
}

// TestFollowKilledInside kills recordings with their seals inside. What is left is open, and
// what was recorded is there.
func TestFollowKilledInside(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	log := b.read("logs/00.tlog")
	for range 4 {
		os.Remove(b.path("e.tlog"))
		f := &following{bench: b, cmd: b.command("cqsign", "-k", "test.key", "--follow", "--force", "--embed", "--every", "20ms", "-o", "e.tlog", "-")}
		in, err := f.cmd.StdinPipe()
		if err == nil {
			err = f.cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for at := 0; at < len(log); at += 2000 {
				in.Write(log[at:min(at+2000, len(log))])
				time.Sleep(time.Millisecond)
			}
		}()
		b.until("a note", func() bool {
			data, _ := os.ReadFile(b.path("e.tlog"))
			return bytes.Contains(data, []byte("cqkit/flight-log/v1/"))
		})
		time.Sleep(time.Duration(50+rand.IntN(150)) * time.Millisecond)
		f.end(syscall.SIGKILL, -1)
		if stdout, _ := b.must(0, b.command("cqverify", "-k", "test.pub", "--allow-open", "e.tlog")); !strings.Contains(stdout, "OPEN") {
			t.Error(stdout)
		}
		b.must(0, b.command("cqsign", "extract", "--force", "-o", "x.tlog", "e.tlog"))
		in.Close()
	}
}

// TestFollowRotated cuts, renames and goes on writing a log that is followed.
func TestFollowRotated(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do     func(b *bench)
		signal syscall.Signal
		code   int
		says   string
		log    string // that the seal is of
	}{
		"cut":     {func(b *bench) { os.Truncate(b.path("f.tlog"), 10) }, 0, 3, "it was cut from 100,000 bytes to 10 bytes", ""},
		"renamed": {func(b *bench) { os.Rename(b.path("f.tlog"), b.path("g.tlog")) }, 0, 3, "renamed or removed", "g.tlog"},
		"replaced": {func(b *bench) {
			os.Rename(b.path("f.tlog"), b.path("g.tlog"))
			b.append("f.tlog", []byte("new"))
		}, 0, 3, "renamed or removed", "g.tlog"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 1)
			b.append("f.tlog", b.read("logs/00.tlog")[:100_000])
			f := b.follow("--every", "20ms", "f.tlog")
			b.until("a note", func() bool { return b.notes("f.tlog.cqseal") >= 1 })
			tt.do(b)
			f.end(tt.signal, tt.code)
			if !strings.Contains(f.stderr.String(), tt.says) || !strings.Contains(f.stderr.String(), "hint: ") {
				t.Errorf("%s", &f.stderr)
			}
			if tt.log != "" {
				b.must(0, b.command("cqverify", "-k", "test.pub", "-s", "f.tlog.cqseal", tt.log))
			}
		})
	}
}

// TestFollowFull runs out of room for what is written.
func TestFollowFull(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell to limit the size of files")
	}
	t.Parallel()
	b := newBench(t, 1)
	// ulimit counts 512 or 1024 bytes; both are less than the log.
	cmd := b.command("cqsign")
	script := "ulimit -f 200; trap '' XFSZ; exec " + cmd.Path + " -k test.key --follow --every 500 --embed -o e.tlog - < logs/00.tlog"
	shell := exec.Command("sh", "-c", script)
	shell.Dir = b.dir
	_, stderr := b.must(3, shell)
	if !strings.Contains(stderr, "writing the log") || !strings.Contains(stderr, "is sealed up to its last note") {
		t.Error(stderr)
	}
	if stdout, _ := b.must(0, b.command("cqverify", "-k", "test.pub", "--allow-open", "e.tlog")); !strings.Contains(stdout, "OPEN") {
		t.Error(stdout)
	}
}

// TestFollowLink records a link. Frames may share a datagram; what is no frame is counted and
// left out.
func TestFollowLink(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	port := freePort(t)
	f := b.follow("--every", "50ms", "--embed", "-o", "u.tlog", "udp:"+port)
	conn, err := net.Dial("udp", port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	log := b.read("logs/00.tlog")
	var frames [][]byte
	for len(log) > 0 && len(frames) < 600 {
		n := tlog.RecordLen(log)
		frames = append(frames, log[tlog.TimeSize:n])
		log = log[n:]
	}
	// Until it listens, what is sent is lost; a heartbeat a time tells.
	b.until("a record", func() bool {
		conn.Write(frames[0])
		info, err := os.Stat(b.path("u.tlog"))
		return err == nil && info.Size() > 5000
	})
	for i := 1; i < len(frames); i += 2 {
		conn.Write(append(bytes.Clone(frames[i]), frames[min(i+1, len(frames)-1)]...))
		time.Sleep(200 * time.Microsecond)
	}
	conn.Write([]byte("junk"))
	time.Sleep(100 * time.Millisecond)
	f.end(syscall.SIGTERM, 0)
	b.must(0, b.command("cqverify", "-k", "test.pub", "u.tlog"))
	if !strings.Contains(f.stderr.String(), "4 bytes that came in were no MAVLink frame") {
		t.Errorf("%s", &f.stderr)
	}
	b.must(0, b.command("cqsign", "extract", "-o", "x.tlog", "u.tlog"))
	bare := b.read("x.tlog")
	last := uint64(0)
	seen := 0
	for len(bare) > 0 {
		n := tlog.RecordLen(bare)
		if n == 0 {
			t.Fatal("not all of the recording is records")
		}
		if at := binary.BigEndian.Uint64(bare); at < last {
			t.Fatal("time runs back")
		} else {
			last = at
		}
		if seen < len(frames) && bytes.Equal(bare[tlog.TimeSize:n], frames[seen]) {
			seen++
		}
		bare = bare[n:]
	}
	if seen < len(frames)*9/10 {
		t.Errorf("%d of %d frames in order", seen, len(frames))
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}

// TestFollowEmit listens to the notes that are sent over a link: slowly, twice, and the same as
// those in the file.
func TestFollowEmit(t *testing.T) {
	t.Parallel()
	b := newBench(t, 1)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	heard := make(chan []byte, 1000)
	go func() {
		defer close(heard)
		for buf := make([]byte, 2000); ; {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			heard <- bytes.Clone(buf[:n])
		}
	}()
	began := time.Now()
	b.follow("--idle", "50ms", "--no-index", "--embed", "-o", "e.tlog", "--emit", "udp:"+conn.LocalAddr().String(), "logs/00.tlog").end(0, 0)
	took := time.Since(began)
	conn.Close()
	file := b.read("e.tlog")
	times := map[string]int{}
	for frame := range heard {
		times[string(frame)]++
		if !bytes.Contains(file, frame) {
			t.Fatal("a frame that is not in the file")
		}
	}
	frames := bytes.Count(file, []byte{255, 155, 0x50, 0xC3, 0})
	if len(times) != frames {
		t.Errorf("%d frames heard of %d", len(times), frames)
	}
	if least := time.Duration(2*frames-1) * emitPause; took < least {
		t.Errorf("all sent in %v, which should take %v", took, least)
	}
	for _, n := range times {
		if n != 2 {
			t.Fatalf("a frame was sent %d times", n)
		}
	}
}
