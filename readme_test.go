package cqkit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// exampleSetup makes what the examples in a command's help start from, in sh, in
// the empty folder they run in. $CQKIT is a copy of this module.
var exampleSetup = map[string]string{
	"cqkeygen convert": `cqkeygen -o pilot-7`,
	"cqkeygen inspect": `cqkeygen -o pilot-7 && cqkeygen kem -o drone-3`,
	"cqkeygen public":  `cqkeygen -o pilot-7`,
	"cqsign":           aFlight + ` && mkdir logs && cp flight.tlog logs/1.tlog && cp flight.tlog logs/2.tlog`,
	"cqsign attest":    aFlight + ` && cqkeygen -o pilot`,
	"cqsign commands":  aFlight,
	"cqsign cosign":    aFlight,
	"cqsign extract":   aFlight + ` && cqkeygen -o pilot`,
	"cqsign prove":     aFlight + ` && cqkeygen -o pilot`,
	"cqsign tap":       aFlight,
	"cqverify": aFlight + ` && cqkeygen -o pilot && cqsign -k pilot.key flight.tlog &&
		mkdir keys logs && cp pilot.pub keys && cp flight.tlog* logs`,
	"cqverify commands": aFlight + ` && cqkeygen -o pilot && mkdir keys logs && cp pilot.pub keys && cp flight.tlog logs`,
	"cqverify info":     aFlight,
	"cqverify replay":   aFlight + ` && mkdir logs && cp flight.tlog logs && head -c 32 /dev/zero >link.key`,
	"cqverify proof":    aFlight + ` && cqkeygen -o pilot`,
	"cqverify tap":      aFlight + ` && cqkeygen -o pilot`,
	// 4: other tests use the machine, too.
	"flowload report": `flowload serve --listen 127.0.0.1:0 --addr-file addr --for 1m & serve=$!
		while ! [ -s addr ]; do sleep 0.1; done
		flowload run "http://$(cat addr)" -c 1 -n 50 --save nightly.flr || [ $? = 4 ]; code=$?
		kill $serve; exit $code`,
}

const aFlight = `cp "$CQKIT"/testdata/logs/copter.tlog flight.tlog`

// stage is where examples run: a copy of the module, the programs built from it,
// and a home of their own.
type stage struct{ module, bin, home, temp string }

// programs builds the programs once for all tests and returns the folder they are in.
var programs = sync.OnceValues(func() (dir string, err error) {
	dir, err = os.MkdirTemp("", "cqkit-test-")
	if err != nil {
		return "", err
	}
	if out, err := exec.Command("go", "build", "-o", dir, "./cmd/...").CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	built = dir
	return dir, nil
})

var built string // by programs, to be removed

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// newStage copies the module.
func newStage(t *testing.T) *stage {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skipf("the documents show a POSIX shell, and there is none here: %v", err)
	}
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &stage{filepath.Join(dir, "cqkit"), bin, filepath.Join(dir, "home"), filepath.Join(dir, "tmp")}
	for _, d := range []string{s.module, s.home, s.temp} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err = filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(s.module, name), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(s.module, name), data, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// environment keeps the caller's toolchain and caches and nothing else.
func (s *stage) environment(t *testing.T) []string {
	t.Helper()
	env := []string{
		"PATH=" + s.bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + s.home, "TMPDIR=" + s.temp, "CQKIT=" + s.module,
		"TERM=dumb", "NO_COLOR=1", "LC_ALL=C.UTF-8", "TZ=UTC",
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOSUMDB", "GOTOOLCHAIN", "GOROOT"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}

// printed is what a command gave: standard output alone, and as a terminal shows it.
type printed struct{ stdout, both bytes.Buffer }

// run runs a command in sh without a terminal.
func (s *stage) run(t *testing.T, dir, command string) (out *printed, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = dir, s.environment(t)
	ownSession(cmd)
	out = &printed{}
	var mu sync.Mutex
	cmd.Stdout = writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		out.stdout.Write(p)
		return out.both.Write(p)
	})
	cmd.Stderr = writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return out.both.Write(p)
	})
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return out, exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	return out, 0
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// play runs the examples of blocks in dir, in order.
func (s *stage) play(t *testing.T, doc, dir string, blocks ...block) {
	t.Helper()
	for _, b := range blocks {
		for _, e := range b.examples {
			if isTests(e.command) {
				continue // they are running
			}
			out, code := s.run(t, dir, e.command)
			if code != e.code && !(code == noVerdict && e.code == 0 && measures.MatchString(e.command)) {
				t.Errorf("%s:%d: $ %s\nexit code %d, want %d; it printed\n%s", doc, e.line, e.command, code, e.code, &out.both)
			} else if e.want != nil && !matches(e.want, lines(out.stdout.String()), e.vary) && !matches(e.want, lines(out.both.String()), e.vary) {
				t.Errorf("%s:%d: $ %s\nprinted\n%s\nand should, by the document,\n%s", doc, e.line, e.command, &out.both, strings.Join(e.want, "\n"))
			}
		}
	}
}

// measures are the commands whose figures may be worth nothing on a machine that is
// busy with other tests: then they say so by their exit code.
var measures = regexp.MustCompile(`^flowload (run|find|limit|compare) |^cqbench `)

const noVerdict = 4

// isTests reports whether a command runs all tests, which must not run themselves.
func isTests(command string) bool {
	return strings.HasPrefix(command, "go test") || strings.Contains(command, ".ci/run")
}

// TestDocuments runs the commands in README.md and in the documents, each document
// from its first to its last in one copy of the module.
func TestDocuments(t *testing.T) {
	if _, err := os.Stat("README.md"); err != nil {
		t.Errorf("there must be a README.md whose commands work: %v", err)
	}
	docs, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range append([]string{"README.md"}, docs...) {
		data, err := os.ReadFile(doc)
		if err != nil {
			continue // reported above
		}
		blocks := parseExamples(string(data))
		if doc == "README.md" {
			checkReadme(t, string(data), blocks)
		}
		if len(blocks) > 0 {
			t.Run(filepath.Base(doc), func(t *testing.T) {
				t.Parallel()
				s := newStage(t)
				s.play(t, doc, s.module, blocks...)
			})
		}
	}
}

// checkReadme checks that README.md shows something to try and, in a block of its
// own or behind "$ ", the command that runs the tests, the same as the checks' last.
func checkReadme(t *testing.T, doc string, blocks []block) {
	t.Helper()
	if len(blocks) == 0 {
		t.Error("README.md shows no commands")
	}
	checks, err := os.ReadFile(".ci/run")
	if err != nil {
		t.Fatal(err)
	}
	all := lines(string(checks))
	if last := all[len(all)-1]; !strings.Contains(doc, "\n"+last+"\n") && !strings.Contains(doc, "\n$ "+last+"\n") {
		t.Errorf("README.md does not show %q, the last command of .ci/run", last)
	}
}

// TestHelpExamples runs the examples in every command's help, as the pages under
// docs/cmd have it, each command's in a folder of its own.
func TestHelpExamples(t *testing.T) {
	mains, err := filepath.Glob("cmd/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t)
	setups := map[string]bool{}
	for _, main := range mains {
		dir := filepath.Dir(main)
		doc := "docs/cmd/" + filepath.Base(dir) + ".md"
		data, err := os.ReadFile(doc)
		if err != nil {
			t.Errorf("every program has its page: %v", err)
			continue
		}
		blocks := parseExamples(string(data))
		if len(blocks) == 0 {
			t.Errorf("%s has no examples", doc)
		}
		for _, b := range blocks {
			setups[b.heading] = true
			t.Run(b.heading, func(t *testing.T) {
				dir := t.TempDir()
				if out, code := s.run(t, dir, exampleSetup[b.heading]); code != 0 {
					t.Fatalf("preparing the examples: exit code %d\n%s", code, &out.both)
				}
				s.play(t, doc, dir, b)
			})
		}
	}
	for command := range exampleSetup {
		if !setups[command] {
			t.Errorf("exampleSetup prepares for %q, which has no examples", command)
		}
	}
}

// TestPagesHaveTheirProgram finds pages of programs that are gone.
func TestPagesHaveTheirProgram(t *testing.T) {
	pages, err := filepath.Glob("docs/cmd/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		if _, err := os.Stat(filepath.Join("cmd", name, "main.go")); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	}
}
