package store

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
)

// lacking skips a test that needs what is not installed, or fails it if nothing may be skipped.
func lacking(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CQKIT_REQUIRE") == "all" {
		t.Fatalf("%s is not installed", what)
	}
	t.Skipf("%s is not installed: limits are not shared through it here", what)
}

// A backend is a real server that a test started, and may hurt.
type backend interface {
	url() string
	kill(t testing.TB)  // as a crash does
	start(t testing.TB) // again, with what it has kept
}

// freePort returns a port of the loopback interface that nobody uses just now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// await waits until something is so.
func await(t testing.TB, what string, so func() error) {
	t.Helper()
	var err error
	for begin := time.Now(); time.Since(begin) < 60*time.Second; time.Sleep(10 * time.Millisecond) {
		if err = so(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// A process is a server in a process of its own.
type process struct {
	command func() *exec.Cmd
	ready   func() error

	cmd  *exec.Cmd
	done chan struct{}
}

func (p *process) start(t testing.TB) {
	t.Helper()
	cmd := p.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	p.cmd, p.done = cmd, done
	await(t, "starting "+cmd.Path, func() error {
		select {
		case <-done:
			t.Fatalf("%s ended at once", cmd.Path)
		default:
		}
		return p.ready()
	})
}

func (p *process) kill(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Kill()
	<-p.done
}

type redisBackend struct {
	process
	address string
}

// newRedis starts a Redis server with further arguments.
func newRedis(t testing.TB, args ...string) *redisBackend {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		lacking(t, "redis-server")
	}
	port, dir := freePort(t), t.TempDir()
	r := &redisBackend{address: fmt.Sprintf("127.0.0.1:%d", port)}
	all := append([]string{"--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir, "--logfile", filepath.Join(dir, "log")}, args...)
	r.command = func() *exec.Cmd { return exec.Command(path, all...) }
	r.ready = func() error {
		conn, err := net.Dial("tcp", r.address)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte("PING\r\n")); err != nil {
			return err
		}
		answer := make([]byte, 7)
		if _, err := conn.Read(answer); err != nil {
			return err
		}
		if string(answer) != "+PONG\r\n" {
			return fmt.Errorf("it says %q", answer)
		}
		return nil
	}
	r.start(t)
	t.Cleanup(func() { r.kill(t) })
	return r
}

func (r *redisBackend) url() string { return "redis://" + r.address + "/0" }

type natsBackend struct {
	options *natsd.Options
	server  *natsd.Server
}

// newNATS starts a NATS server in this process.
func newNATS(t testing.TB) *natsBackend {
	t.Helper()
	n := &natsBackend{options: &natsd.Options{Host: "127.0.0.1", Port: freePort(t), JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}}
	n.start(t)
	t.Cleanup(func() { n.kill(t) })
	return n
}

func (n *natsBackend) start(t testing.TB) {
	t.Helper()
	s, err := natsd.NewServer(n.options)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("NATS does not start")
	}
	n.server = s
}

func (n *natsBackend) kill(testing.TB) {
	n.server.Shutdown()
	n.server.WaitForShutdown()
}

func (n *natsBackend) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.options.Port) }

// open opens a store that is closed when the test ends.
func open(t testing.TB, url string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	return s
}

// kindsOfServers are the servers that tests share, each started when it is first wanted.
var kindsOfServers = map[string]func(testing.TB) backend{
	"redis":    func(t testing.TB) backend { return newRedis(t) },
	"nats":     func(t testing.TB) backend { return newNATS(t) },
	"postgres": func(t testing.TB) backend { return newPostgres(t, SchemaOptions{}) },
}

// everywhere runs a test with each kind of server.
func everywhere(t *testing.T, f func(t *testing.T, b backend)) {
	for _, kind := range []string{"redis", "nats", "postgres"} {
		t.Run(kind, func(t *testing.T) { f(t, kindsOfServers[kind](t)) })
	}
}
