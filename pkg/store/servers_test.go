package store

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
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

// natsProcessEnv, with a port and a folder, makes the test program a NATS server until it is killed.
const natsProcessEnv = "CQKIT_TEST_NATS"

func serveNATS() {
	o := &natsd.Options{Host: "127.0.0.1", JetStream: true, NoLog: true}
	if _, err := fmt.Sscanf(os.Getenv(natsProcessEnv), "%d %s", &o.Port, &o.StoreDir); err != nil {
		os.Exit(2)
	}
	s, err := natsd.NewServer(o)
	if err != nil {
		os.Exit(3)
	}
	s.Start()
	s.WaitForShutdown()
}

type natsProcess struct {
	process
	port int
}

// newNATSProcess starts a NATS server in a process of its own, which can be killed and stopped.
func newNATSProcess(t testing.TB) *natsProcess {
	t.Helper()
	n := &natsProcess{port: freePort(t)}
	dir := t.TempDir()
	n.command = func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", natsProcessEnv, n.port, dir))
		return cmd
	}
	n.ready = func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port))
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	n.start(t)
	t.Cleanup(func() { n.kill(t) })
	return n
}

func (n *natsProcess) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.port) }

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

// A keeper is a test whose servers outlive it.
type keeper struct{ testing.TB }

var (
	kept   []func()
	keptMu sync.Mutex
)

func (keeper) Cleanup(f func()) {
	keptMu.Lock()
	defer keptMu.Unlock()
	kept = append(kept, f)
}

func (k keeper) TempDir() string {
	dir, err := os.MkdirTemp("", "cqkit-")
	if err != nil {
		k.Fatal(err)
	}
	k.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(holderEnv) != "":
		hold()
		return
	case os.Getenv(natsProcessEnv) != "":
		serveNATS()
		return
	}
	code := m.Run()
	for _, f := range slices.Backward(kept) {
		f()
	}
	os.Exit(code)
}

// starters start a server of each kind that nobody else has.
var starters = map[string]func(testing.TB) backend{
	"redis":    func(t testing.TB) backend { return newRedis(t) },
	"nats":     func(t testing.TB) backend { return newNATSProcess(t) },
	"postgres": func(t testing.TB) backend { return newPostgres(t, SchemaOptions{}) },
}

// shared are servers that tests have together, each started when it is first wanted.
var (
	shared  = map[string]backend{}
	sharing = map[string]*sync.Mutex{"redis": {}, "nats": {}, "postgres": {}}
	shareMu sync.Mutex
)

func sharedServer(t testing.TB, kind string) backend {
	sharing[kind].Lock() // also while it starts
	defer sharing[kind].Unlock()
	shareMu.Lock()
	b := shared[kind]
	shareMu.Unlock()
	if b == nil {
		if kind == "nats" {
			b = newNATS(keeper{t}) // in this process
		} else {
			b = starters[kind](keeper{t})
		}
	}
	shareMu.Lock()
	defer shareMu.Unlock()
	shared[kind] = b
	return b
}

var names atomic.Int64

// freshName returns the name of a limit that no test has had.
func freshName() string { return fmt.Sprintf("test%d", names.Add(1)) }

var serverKinds = []string{"redis", "nats", "postgres"}

// everywhere runs a test with each kind of server. Tests share them, and leave them as they are.
func everywhere(t *testing.T, f func(t *testing.T, b backend)) {
	for _, kind := range serverKinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f(t, sharedServer(t, kind))
		})
	}
}
