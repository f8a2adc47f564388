//go:build unix

package store

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

type postgresBackend struct {
	process
	port    int
	stopped []int // children
}

// postgresTool returns where one of PostgreSQL's programs is.
func postgresTool(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(all) == 0 {
		lacking(t, "PostgreSQL")
	}
	return slices.Max(all)
}

// unprivileged makes cmd run as someone whom PostgreSQL lets run it.
func unprivileged(t testing.TB, cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	var u *user.User
	for _, name := range []string{"postgres", "nobody"} {
		var err error
		if u, err = user.Lookup(name); err == nil {
			break
		}
	}
	if u == nil {
		if os.Getenv("CQKIT_REQUIRE") == "all" {
			t.Fatal("PostgreSQL does not run as root, and there is no user postgres or nobody")
		}
		t.Skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// postgresDir makes a folder of whoever PostgreSQL runs as, and returns what runs programs there as him.
func postgresDir(t testing.TB) (string, func(path string, args ...string) *exec.Cmd) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cqkit-postgres-") // not below t.TempDir(), which others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir, func(path string, args ...string) *exec.Cmd {
		cmd := exec.Command(path, args...)
		cmd.Dir = dir
		unprivileged(t, cmd, dir)
		return cmd
	}
}

// emptyPostgres is the files of a PostgreSQL without anything, which take seconds to make and none to copy.
var emptyPostgres struct {
	once sync.Once
	path string
}

// newPostgres starts a PostgreSQL server with some settings and makes the schema.
func newPostgres(t testing.TB, o SchemaOptions, settings ...string) *postgresBackend {
	t.Helper()
	initdb, postgres := postgresTool(t, "initdb"), postgresTool(t, "postgres")
	emptyPostgres.once.Do(func() {
		dir, run := postgresDir(keeper{t})
		data := filepath.Join(dir, "data")
		if out, err := run(initdb, "-D", data, "-U", "test", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8", "--no-instructions").CombinedOutput(); err != nil {
			t.Errorf("initdb: %v\n%s", err, out)
			return
		}
		emptyPostgres.path = data
	})
	if emptyPostgres.path == "" {
		t.Fatal("there is no PostgreSQL to start")
	}
	dir, run := postgresDir(t)
	data := filepath.Join(dir, "data")
	if out, err := run("cp", "-Rp", emptyPostgres.path, data).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v\n%s", err, out)
	}
	p := &postgresBackend{port: freePort(t)}
	p.command = func() *exec.Cmd {
		args := []string{"-D", data, "-p", fmt.Sprint(p.port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + dir,
			"-c", "max_connections=200", "-c", "shared_buffers=16MB",
			"-c", "fsync=off"} // only processes crash here, not machines
		for _, s := range settings {
			args = append(args, "-c", s)
		}
		return run(postgres, args...)
	}
	p.ready = func() error {
		conn, err := pgx.Connect(context.Background(), p.url())
		if err != nil {
			return err
		}
		return conn.Close(context.Background())
	}
	p.start(t)
	t.Cleanup(func() { p.kill(t) })
	if err := CreateSchema(t.Context(), p.url(), o); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *postgresBackend) url() string {
	return fmt.Sprintf("postgres://test@127.0.0.1:%d/postgres?sslmode=disable", p.port)
}

// kill ends the server without a word. Its children notice and end, too.
func (p *postgresBackend) kill(t testing.TB) {
	t.Helper()
	p.resume(t)
	_ = p.cmd.Process.Signal(syscall.SIGQUIT) // at once: no checkpoint, and recovery at the next start
	<-p.done
}

// pause stops the server with its children, one for each connection.
func (p *postgresBackend) pause(t testing.TB) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.url())
	if err != nil {
		t.Fatal(err)
	}
	p.process.pause(t) // there are no new children from here on
	rows, _ := conn.Query(t.Context(), "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
	if p.stopped, err = pgx.CollectRows(rows, pgx.RowTo[int]); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(t.Context())
	for _, pid := range p.stopped {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
}

func (p *postgresBackend) resume(t testing.TB) {
	t.Helper()
	for _, pid := range p.stopped {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	p.stopped = nil
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
}

// pause stops a server's process as if its machine had stopped, until resume.
func (p *process) pause(t testing.TB) { p.signal(t, syscall.SIGSTOP) }

func (p *process) resume(t testing.TB) { p.signal(t, syscall.SIGCONT) }

func (p *process) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}
