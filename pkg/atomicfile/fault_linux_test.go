package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary starts itself again with this variable set to be the process
// that is killed or that runs out of room.
const child = "ATOMICFILE_TEST_CHILD"

func TestMain(m *testing.M) {
	job, path, _ := strings.Cut(os.Getenv(child), ":")
	switch job {
	case "write":
		f, err := Replace(path, 0o600)
		if err != nil {
			panic(err)
		}
		f.Write(bytes.Repeat([]byte("x"), 1<<20))
		os.Stdout.WriteString("half\n")
		time.Sleep(time.Minute)
		f.Commit()
	case "limit":
		limit := unix.Rlimit{Cur: 1 << 16, Max: 1 << 16}
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
			panic(err)
		}
		err := WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600, true)
		if !errors.Is(err, syscall.EFBIG) {
			panic(err)
		}
		os.Stdout.WriteString(err.Error())
	default:
		os.Exit(m.Run())
	}
}

func TestKillLeavesOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.seal")
	os.WriteFile(path, []byte("old"), 0o600)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"=write:"+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 5)) // half of it is written
	cmd.Process.Kill()
	cmd.Wait()
	wantContent(t, path, "old")
	list := names(t, dir)
	if len(list) != 2 || !IsTemp(list[0]) || list[1] != "a.seal" {
		t.Errorf("after a kill the folder holds %q", list)
	}
}

func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	os.WriteFile(path, []byte("old"), 0o600)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), child+"=limit:"+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "write " + path + ": file too large"; string(out) != want {
		t.Errorf("error %q, want %q", out, want)
	}
	wantContent(t, path, "old")
	wantNames(t, dir, "a")
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a full disk needs the right to mount a small one: %v", err)
	}
	defer unix.Unmount(dir, 0)
	path := filepath.Join(dir, "a")
	err := WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600, false)
	if !errors.Is(err, syscall.ENOSPC) || err.Error() != "write "+path+": no space left on device" {
		t.Errorf("full disk: %v", err)
	}
	wantNames(t, dir)
}

func TestFolderWithoutReadPermission(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "drop")
	if err := os.Mkdir(dir, 0o300); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	if err := WriteFile(filepath.Join(dir, "a"), []byte("x"), 0o600, false); err != nil {
		t.Errorf("a folder that may only be written to: %v", err)
	}
	if err := syncDir(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("syncing a missing folder: %v", err)
	}
}
