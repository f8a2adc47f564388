package keyfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestWritePair(t *testing.T) {
	for _, kind := range Kinds() {
		for _, pass := range [][]byte{nil, []byte(testPassphrase)} {
			if pass != nil && kind != KEM {
				continue // one is slow enough
			}
			name := filepath.Join(t.TempDir(), "k")
			k := testPrivate(t, kind)
			if err := WritePair(name, k, PEM, pass); err != nil {
				t.Fatal(err)
			}
			got, err := ReadPrivate(name+".key", testPass)
			if err != nil {
				t.Fatal(err)
			}
			pub, err := ReadPublic(name + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []*Public{got.Public(), pub} {
				if p.Fingerprint() != k.Public().Fingerprint() || p.Comments != k.Comments || p.Kind() != kind {
					t.Errorf("%v: read back %v %+v", kind, p.Kind(), p.Comments)
				}
			}
			checkMode(t, name+".key", 0o600)
			// Not again, and nothing changes.
			before, _ := os.ReadFile(name + ".key")
			if err := WritePair(name, k, PEM, pass); !errors.Is(err, fs.ErrExist) {
				t.Errorf("overwriting: %v", err)
			}
			if after, _ := os.ReadFile(name + ".key"); !bytes.Equal(before, after) {
				t.Error("the key was overwritten")
			}
		}
	}
}

func checkMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != want {
		t.Errorf("%s has mode %04o, want %04o", path, info.Mode().Perm(), want)
	}
}

// TestWritePairOneThere: a public half that is there already keeps the private
// one from being written.
func TestWritePairOneThere(t *testing.T) {
	for _, ext := range []string{".key", ".pub"} {
		dir := t.TempDir()
		name := filepath.Join(dir, "k")
		if err := os.WriteFile(name+ext, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := WritePair(name, testPrivate(t, Sign), PEM, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s there: %v", ext, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("%s there: left %v, %v", ext, entries, err)
		}
		if b, _ := os.ReadFile(name + ext); string(b) != "mine" {
			t.Errorf("%s was overwritten", ext)
		}
	}
}

func TestWriteOne(t *testing.T) {
	dir := t.TempDir()
	k := testPrivate(t, Sign)
	key, pub := filepath.Join(dir, "raw.key"), filepath.Join(dir, "raw.pub")
	for range 2 {
		err, err2 := WritePrivate(key, k, Raw, nil), WritePublic(pub, k.Public(), Raw)
		if err != nil && !errors.Is(err, fs.ErrExist) || err2 != nil && !errors.Is(err2, fs.ErrExist) {
			t.Fatal(err, err2)
		}
	}
	checkMode(t, key, 0o600)
	if f, err := ReadFile(key, nil); err != nil || f.Public.Fingerprint() != k.Public().Fingerprint() {
		t.Error(err)
	}
	if p, err := ReadPublic(pub); err != nil || p.Fingerprint() != k.Public().Fingerprint() {
		t.Error(err)
	}
}

func TestLooseMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "a key.key")
	for _, private := range [][]byte{
		marshalPrivate(Sign, PEM, nil)(t), marshalPrivate(Sign, Raw, nil)(t), cheaplyProtected(t, testPrivate(t, Sign), "p"),
	} {
		os.Remove(path)
		if err := os.WriteFile(path, private, 0o600); err != nil {
			t.Fatal(err)
		}
		for mode, loose := range map[fs.FileMode]bool{
			0o600: false, 0o400: false, 0o700: false, 0o640: true, 0o604: true, 0o620: true, 0o644: true, 0o610: true, 0o666: true,
		} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			_, err := ReadPrivate(path, func() ([]byte, error) { return []byte("p"), nil })
			var m *ModeError
			if errors.As(err, &m) != loose {
				t.Errorf("mode %04o: %v", mode, err)
			}
			if data, err := ReadSecret(path); errors.As(err, &m) != loose || (data != nil) == loose {
				t.Errorf("mode %04o, as a secret: %d bytes, %v", mode, len(data), err)
			}
			if loose && !strings.HasSuffix(err.Error(), "run: chmod 600 '"+path+"'") {
				t.Errorf("mode %04o: %v", mode, err)
			}
		}
	}
	// Public keys are for everyone.
	pub := filepath.Join(t.TempDir(), "k.pub")
	if err := os.WriteFile(pub, marshalPublic(Sign, PEM)(t), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(pub, nil); err != nil {
		t.Error(err)
	}
	if _, err := ReadPrivate(pub, nil); !errors.Is(err, ErrPublic) {
		t.Errorf("public as private: %v", err)
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, MaxFileBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "k.key")
	if err := WritePrivate(key, testPrivate(t, Sign), PEM, nil); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		big:                          "more than 65536 bytes",
		dir:                          "is a folder",
		filepath.Join(dir, "nobody"): "nobody",
		key:                          ErrPrivate.Error(),
	} {
		if _, err := ReadPublic(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want … %s …", path, err, want)
		}
	}
	if data, err := ReadSecret(big); err != nil || len(data) != MaxFileBytes+1 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := ReadSecret(dir); err == nil {
		t.Error("a folder was read")
	}
	if _, err := ReadFile(filepath.Join(dir, "nobody"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	info, mode, err := InspectFile(key, nil)
	if err != nil || !info.Known || !info.Private || runtime.GOOS != "windows" && mode.Perm() != 0o600 {
		t.Errorf("%+v, %v, %v", info, mode, err)
	}
}

func TestShellQuote(t *testing.T) {
	for path, want := range map[string]string{
		"/home/a/pilot-7.key": "/home/a/pilot-7.key",
		"a b":                 "'a b'",
		"it's":                `'it'\''s'`,
		"-rf":                 "'./-rf'",
		"$(rm)":               "'$(rm)'",
		"":                    "''",
		"a\x1b[31m":           "FILE",
		"a\nb":                "FILE",
	} {
		if got := shellQuote(path); got != want {
			t.Errorf("%q: %s, want %s", path, got, want)
		}
	}
}
