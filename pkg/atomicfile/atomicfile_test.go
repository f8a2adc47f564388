package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
)

// names returns what dir holds, to show that nothing was left behind.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := names(t, dir); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("folder holds %q, want %q", got, want)
	}
}

func wantContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", filepath.Base(path), got, err, want)
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.seal")
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "hel")
	if n, err := f.ReadFrom(strings.NewReader("lo")); n != 2 || err != nil {
		t.Fatalf("ReadFrom = %d, %v", n, err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the name is taken before Commit: %v", err)
	}
	if f.Name() != path {
		t.Errorf("Name() = %q, want %q", f.Name(), path)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("Close after Commit: %v", err)
	}
	wantContent(t, path, "hello")
	wantNames(t, dir, "a.seal")
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if err := f.Commit(); !errors.Is(err, ErrClosed) {
		t.Errorf("second Commit: %v", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Commit: %v", err)
	}
	if _, err := f.ReadFrom(strings.NewReader("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("ReadFrom after Commit: %v", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "a"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(f, "half")
	if list := names(t, dir); len(list) != 1 || !IsTemp(list[0]) {
		t.Errorf("while writing, the folder holds %q", list)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantNames(t, dir)
	if err := f.Commit(); !errors.Is(err, ErrClosed) {
		t.Errorf("Commit after Close: %v", err)
	}
}

func TestCreateRefusesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	os.WriteFile(file, []byte("old"), 0o600)
	folder := filepath.Join(dir, "folder")
	os.Mkdir(folder, 0o700)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Logf("no symbolic links here, so none tested: %v", err)
		link = file
	}
	for _, path := range []string{file, folder, link} {
		if _, err := Create(path, 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Create(%s) = %v, want fs.ErrExist", filepath.Base(path), err)
		}
	}
	wantContent(t, file, "old")
}

func TestCreateLosesRace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(path, []byte("first"), 0o600)
	err = f.Commit()
	if !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("Commit = %v, want fs.ErrExist naming the file", err)
	}
	wantContent(t, path, "first")
	wantNames(t, dir, "a")
}

func TestOneOfManyWins(t *testing.T) {
	for name, exclusive := range map[string]func(from, to string) error{"Commit": nil, "link": linkForTest} {
		t.Run(name, func(t *testing.T) {
			if name == "link" && exclusive == nil {
				t.Skip("links are not the way this system excludes others")
			}
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			var wins atomic.Int32
			var wg sync.WaitGroup
			var files []*File
			for range 16 {
				f, err := Create(path, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
			for _, f := range files {
				wg.Go(func() {
					defer f.Close()
					commit := f.Commit
					if exclusive != nil {
						commit = func() error { return exclusive(f.temp, f.path) }
					}
					switch err := commit(); {
					case err == nil:
						wins.Add(1)
					case !errors.Is(err, fs.ErrExist):
						t.Errorf("loser's error: %v", err)
					}
				})
			}
			wg.Wait()
			if wins.Load() != 1 {
				t.Errorf("%d of 16 won, want 1", wins.Load())
			}
			wantNames(t, dir, "a")
		})
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for i, text := range []string{"new", "newer"} {
		if err := WriteFile(path, []byte(text), 0o644, true); err != nil {
			t.Fatal(err)
		}
		wantContent(t, path, text)
		wantNames(t, dir, "a")
		if i == 0 {
			os.Chmod(path, 0o660)
		}
	}
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode() != 0o660 {
		t.Errorf("mode %v after replacing, want the old 0660", info.Mode())
	}
	if err := WriteFile(path, nil, 0o644, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("WriteFile without replace = %v", err)
	}
	if err := WriteFile(dir, nil, 0o644, true); !errors.Is(err, ErrNotRegular) {
		t.Errorf("replacing a folder = %v", err)
	}
	if err := WriteFile(os.DevNull, nil, 0o644, true); !errors.Is(err, ErrNotRegular) {
		t.Errorf("replacing the null device = %v", err)
	}
}

func TestReplaceKeepsLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	os.WriteFile(target, []byte("old"), 0o600)
	if err := os.Symlink("target", link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if err := WriteFile(link, []byte("new"), 0o600, true); err != nil {
		t.Fatal(err)
	}
	wantContent(t, target, "new")
	if info, _ := os.Lstat(link); info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link became a file")
	}
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is on fire")
	if _, err := f.ReadFrom(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("ReadFrom = %v", err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, broken) {
		t.Errorf("Write after a failure = %v", err)
	}
	if err := f.Commit(); !errors.Is(err, broken) {
		t.Errorf("Commit after a failure = %v", err)
	}
	wantNames(t, dir)

	f, _ = Create(path, 0o600)
	f.file.Close() // as if the system refused the write
	if _, err := f.Write([]byte("x")); err == nil || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("error of a failed write names the neighbour: %v", err)
	}
	f.Close()
	wantNames(t, dir)

	missing := filepath.Join(dir, "no", "a")
	if _, err := Create(missing, 0o600); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), ".tmp") {
		t.Errorf("missing folder: %v", err)
	}
	for _, path := range []string{"", dir + string(filepath.Separator), dir + "/.", dir + "/.."} {
		if f, err := Create(path, 0o600); err == nil {
			f.Close()
			t.Errorf("Create(%q) succeeded", path)
		}
	}
}

func TestLongName(t *testing.T) {
	dir := t.TempDir()
	for _, base := range []string{strings.Repeat("x", 255), strings.Repeat("é", 127)} {
		if err := WriteFile(filepath.Join(dir, base), []byte("x"), 0o600, false); err != nil {
			t.Errorf("%d bytes of name: %v", len(base), err)
		}
	}
}

func TestIsTemp(t *testing.T) {
	for _, base := range []string{"a", "flight.tlog", ".x", strings.Repeat("x", 255)} {
		if name := tempName(base); !IsTemp(name) || len(name) > 255 || strings.HasSuffix(name, filepath.Ext(base)) && filepath.Ext(base) != "" {
			t.Errorf("tempName(%q) = %q", base, name)
		}
	}
	for _, name := range []string{"", ".tmp", "a.tmp", ".a.0123456789abcde.tmp", "a.0123456789abcdef.tmp",
		".a.0123456789abcdef", ".a.0123456789abcdeF.tmp", ".a0123456789abcdef.tmp", "0123456789abcdef.tmp"} {
		if IsTemp(name) {
			t.Errorf("IsTemp(%q) is true", name)
		}
	}
}

func TestLargeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, iotest.OneByteReader(bytes.NewReader(data[:1000]))); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, bytes.NewReader(data[1000:])); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, string(data))
}
