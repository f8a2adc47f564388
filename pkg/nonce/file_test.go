package nonce

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The test binary is also the other process: TestMain looks at this variable.
const helperVariable = "CQKIT_NONCE_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) == "" {
		os.Exit(m.Run())
	}
	args := os.Args[1:]
	n, err := strconv.Atoi(args[2])
	if err == nil {
		err = helperUpdates(args[0], args[1], n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var shared = ID{"SHA256:shared", "counter"}

// helperUpdates makes n updates: each counts the shared mark one up and
// adds an entry of its own. It prints the count after each.
func helperUpdates(path, who string, n int) error {
	f := NewFile(path)
	for i := range n {
		var count uint64
		err := f.Update(context.Background(), func(s *State) error {
			m, _ := s.Get(shared)
			count = m.Nonce + 1
			if o, err := s.Offer(shared, Mark{Nonce: count}); err != nil || o != Newer && o != First {
				return fmt.Errorf("count %d: %v, %v", count, o, err)
			}
			_, err := s.Offer(ID{who, fmt.Sprintf("entry-%06d", i)}, Mark{Nonce: count})
			return err
		})
		if err != nil {
			return err
		}
		fmt.Println(count)
	}
	return nil
}

func helper(t *testing.T, path, who string, n int) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, path, who, strconv.Itoa(n))
	cmd.Env = append(os.Environ(), helperVariable+"=1")
	return cmd
}

func readState(t *testing.T, path string) *State {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseState(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func offer(t *testing.T, f *File, id ID, m Mark) Outcome {
	t.Helper()
	var o Outcome
	err := f.Update(t.Context(), func(s *State) (err error) {
		o, err = s.Offer(id, m)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestFileRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	id := ID{"SHA256:k", "log"}
	for i, step := range []struct {
		m    Mark
		want Outcome
	}{
		{Mark{Size: 10, Nonce: 5}, First},
		{Mark{Size: 10, Nonce: 5}, Same},
		{Mark{Size: 20, Nonce: 6}, Newer},
		{Mark{Size: 10, Nonce: 5}, Older},
		{Mark{Size: 20, Nonce: 6}, Same},
		{Mark{Size: 21, Nonce: 6}, Conflict},
	} {
		if got := offer(t, NewFile(path), id, step.m); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("created with mode %v", info.Mode())
	}
}

func TestFileKeepsMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "state")
	offer(t, NewFile(path), shared, Mark{Nonce: 1})
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	offer(t, NewFile(path), shared, Mark{Nonce: 2})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestFileWithoutChangeIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if err := NewFile(path).Update(t.Context(), func(*State) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an update without change made the file: %v", err)
	}
	offer(t, NewFile(path), shared, Mark{Nonce: 2})
	before, _ := os.Stat(path)
	offer(t, NewFile(path), shared, Mark{Nonce: 1})
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("an update without change replaced the file")
	}
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	never := func(*State) error { t.Error("fn was called"); return nil }

	t.Run("damaged", func(t *testing.T) {
		for name, text := range map[string]string{"empty": "", "text": "hello\n", "nul": "\x00\x00\x00"} {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			var bad *ParseError
			if err := NewFile(path).Update(t.Context(), never); !errors.As(err, &bad) || bad.Line != 1 {
				t.Errorf("%s: error %v", name, err)
			}
			if now, _ := os.ReadFile(path); string(now) != text {
				t.Errorf("%s: changed to %q", name, now)
			}
		}
	})
	t.Run("fn fails", func(t *testing.T) {
		path := filepath.Join(dir, "fn")
		offer(t, NewFile(path), shared, Mark{Nonce: 1})
		want := errors.New("no")
		err := NewFile(path).Update(t.Context(), func(s *State) error {
			if _, err := s.Offer(shared, Mark{Nonce: 2}); err != nil {
				t.Error(err)
			}
			return want
		})
		if err != want {
			t.Errorf("error %v", err)
		}
		if m, _ := readState(t, path).Get(shared); m.Nonce != 1 {
			t.Errorf("nonce %d was written", m.Nonce)
		}
	})
	t.Run("no path", func(t *testing.T) {
		if err := new(File).Update(t.Context(), never); err == nil {
			t.Error("no error")
		}
	})
	t.Run("no folder", func(t *testing.T) {
		err := NewFile(filepath.Join(dir, "none", "state")).Update(t.Context(), never)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a folder", func(t *testing.T) {
		if err := NewFile(dir).Update(t.Context(), never); err == nil {
			t.Error("no error")
		}
	})
	t.Run("lock held", func(t *testing.T) {
		path := filepath.Join(dir, "held")
		err := NewFile(path).Update(t.Context(), func(*State) error {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			if err := NewFile(path).Update(ctx, never); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestFileThroughLink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	offer(t, NewFile(real), shared, Mark{Nonce: 1})
	if err := os.Symlink(real, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if o := offer(t, NewFile(link), shared, Mark{Nonce: 2}); o != Newer {
		t.Errorf("outcome %v", o)
	}
	if m, _ := readState(t, real).Get(shared); m.Nonce != 2 {
		t.Errorf("the file behind the link has nonce %d", m.Nonce)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v", err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "gone"), dangling); err != nil {
		t.Fatal(err)
	}
	if err := NewFile(dangling).Update(t.Context(), func(*State) error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dangling link: error %v", err)
	}
}

func TestFileManyGoroutines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	f := NewFile(path)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				err := f.Update(t.Context(), func(s *State) error {
					m, _ := s.Get(shared)
					_, err := s.Offer(shared, Mark{Nonce: m.Nonce + 1})
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if m, _ := readState(t, path).Get(shared); m.Nonce != 40 {
		t.Errorf("count %d, want 40", m.Nonce)
	}
}

// A lock file that its holder removes as the last thing it does lets nobody in
// beside another: who had opened the removed file starts over.
func TestLockFileRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove a file that is open")
	}
	path := filepath.Join(t.TempDir(), "lock")
	var inside atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				lock, err := acquire(t.Context(), path)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				runtime.Gosched()
				inside.Add(-1)
				os.Remove(path)
				if err := lock.Unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestFileTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	const each = 60
	var counts [2][]uint64
	var wg sync.WaitGroup
	for p := range counts {
		cmd := helper(t, path, fmt.Sprintf("process-%d", p), each)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				n, _ := strconv.ParseUint(lines.Text(), 10, 64)
				counts[p] = append(counts[p], n)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("process %d: %v", p, err)
			}
		})
	}
	wg.Wait()
	all := slices.Concat(counts[0], counts[1])
	slices.Sort(all)
	for i, n := range all {
		if n != uint64(i)+1 {
			t.Fatalf("count %d was given as %d: the processes did not exclude each other", i+1, n)
		}
	}
	s := readState(t, path)
	if m, _ := s.Get(shared); m.Nonce != 2*each || s.Len() != 2*each+1 {
		t.Errorf("count %d and %d entries, want %d and %d", m.Nonce, s.Len(), 2*each, 2*each+1)
	}
}

// A process killed at any moment leaves a whole state that holds at least what
// it had reported, and the lock is free again.
func TestFileKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	reported := uint64(0)
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		cmd := helper(t, path, fmt.Sprintf("process-%d", round), 1_000_000)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; i < 4 && lines.Scan(); i++ {
			reported, _ = strconv.ParseUint(lines.Text(), 10, 64)
		}
		time.Sleep(time.Duration(round*311) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				reported = max(reported, n)
			}
		}
		cmd.Wait() // killed: always an error
		m, ok := readState(t, path).Get(shared)
		if !ok || m.Nonce < reported || m.Nonce > reported+1 {
			t.Fatalf("round %d: %d on disk after %d was reported", round, m.Nonce, reported)
		}
	}
	if o := offer(t, NewFile(path), shared, Mark{Nonce: 1 << 60}); o != Newer {
		t.Errorf("outcome %v after the kills", o)
	}
	if _, err := os.Stat(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a temporary file is left: %v", err)
	}
}

func BenchmarkFileUpdate(b *testing.B) {
	path := filepath.Join(b.TempDir(), "state")
	f := NewFile(path)
	var n uint64
	for b.Loop() {
		n++
		err := f.Update(b.Context(), func(s *State) error {
			_, err := s.Offer(shared, Mark{Nonce: n})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
