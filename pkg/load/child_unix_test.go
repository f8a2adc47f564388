//go:build unix

package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test program be a client of its own: descriptors are a whole process's.
func TestMain(m *testing.M) {
	if url := os.Getenv("CQKIT_LOAD_CHILD"); url != "" {
		os.Exit(hungryChild(url))
	}
	os.Exit(m.Run())
}

type childReport struct {
	Requests Counts
	Reasons  []string
	Example  string
}

// hungryChild loads url with few descriptors, most of which something else has.
func hungryChild(url string) int {
	limit := syscall.Rlimit{Cur: 120, Max: 120}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1
	}
	for range 90 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return 2
		}
		defer f.Close() // and it is not collected before
	}
	targets, err := NewTargets(TargetOptions{}, Request{URL: url})
	if err != nil {
		return 3
	}
	c := Config{Targets: targets, Concurrency: 100, Duration: 300 * time.Millisecond, Timeout: 300 * time.Millisecond}
	if os.Getenv("CQKIT_LOAD_NET") != "" {
		c.Dial = (&net.Dialer{}).DialContext
	}
	r, err := Run(context.Background(), &c)
	if err != nil {
		io.WriteString(os.Stderr, err.Error())
		return 4
	}
	json.NewEncoder(os.Stdout).Encode(childReport{r.Requests, r.Client.Reasons, r.Examples[ClientLimit]})
	return 0
}

// TestDescriptorsRunOut counts what the client could not do as its own failure, and says so.
func TestDescriptorsRunOut(t *testing.T) {
	url := scripted(t, func(c *net.TCPConn, r *bufio.Reader) {
		request(r)
		io.Copy(io.Discard, r)
	})
	for _, engine := range []string{"", "net"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "CQKIT_LOAD_CHILD="+url, "CQKIT_LOAD_NET="+engine)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, stderr.Bytes())
		}
		var r childReport
		if err := json.Unmarshal(out, &r); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		n := r.Requests.Outcomes
		if n[ClientLimit] == 0 || n[Timeout] == 0 || n[ClientLimit]+n[Timeout] != r.Requests.Sent || !strings.Contains(r.Example, "too many open files") {
			t.Errorf("%q: %+v %q", engine, r.Requests, r.Example)
		}
		reasons := strings.Join(r.Reasons, "\n")
		if !strings.Contains(reasons, "for want of descriptors") || !strings.Contains(reasons, "descriptors allowed 56 connections of 100") {
			t.Errorf("%q: trusted but for %q", engine, r.Reasons)
		}
	}
}
