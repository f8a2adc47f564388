package keyring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cqkit/pkg/keyfile"
	"cqkit/pkg/nonce"
	"cqkit/pkg/trust"
)

// vector returns the name of a file of testdata.
func vector(parts ...string) string {
	return filepath.Join(append([]string{"..", "..", "..", "testdata"}, parts...)...)
}

// folder makes a folder of copies: name in the folder, name of the vector.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range files {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	fleet, list := vector("trust", "fleet.trust"), vector("trust", "fleet.revoked")
	sign, kem := vector("keys", "test-sign.pub"), vector("keys", "test-kem.pub")
	for _, c := range []struct {
		name  string
		paths []string
		keys  int
		fault string
	}{
		{"a key", []string{sign}, 1, ""},
		{"a key twice", []string{sign, sign}, 1, ""},
		{"a trust file, its list again, a key", []string{list, fleet, sign}, 3, ""},
		{"an older list beside a trust file", []string{fleet, vector("trust", "fleet-1.revoked")}, 2, ""},
		{"a folder of all", []string{folder(t, map[string]string{"a.pub": sign, "b.pub": kem, "c.trust": fleet, "d.revoked": list, "e.txt": kem})}, 3, ""},
		{"a trust file with a key of another use, in a folder", []string{folder(t, map[string]string{"a.pub": sign, "b.trust": kemTrust(t, kem)})}, 0, "signs no seals"},
		{"nothing of use in a folder", []string{folder(t, map[string]string{"b.pub": kem, "e.txt": sign})}, 0, "no public signing key"},
		{"a list alone", []string{list}, 0, "which no trust file given names"},
		{"a damaged list in a folder", []string{folder(t, map[string]string{"c.trust": fleet, "d.revoked": vector("trust", "bad", "edited.revoked")})}, 0, "does not hold"},
		{"a private key", []string{vector("keys", "test-sign.key")}, 0, "private key"},
		{"nothing", []string{vector("nothing")}, 0, "no such file"},
	} {
		ring, err := Load(c.paths)
		switch {
		case c.fault != "":
			if err == nil || !strings.Contains(err.Error(), c.fault) && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.fault)
			}
		case err != nil || len(ring.Registry.Keys()) != c.keys:
			t.Errorf("%s: %v", c.name, err)
		default:
			for _, k := range ring.Registry.Keys() {
				if p := ring.Public(k.Fingerprint); p == nil || p.Fingerprint() != k.Fingerprint {
					t.Errorf("%s: no public key for %s", c.name, k.Fingerprint)
				}
			}
			if ring.Public("SHA256:unknown") != nil {
				t.Errorf("%s: a key nobody named", c.name)
			}
		}
	}
}

// kemTrust writes a trust file with a key that does not sign.
func kemTrust(t *testing.T, public string) string {
	t.Helper()
	data, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	p, err := keyfile.ParsePublic(data)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "kem")
	f := trust.File{Keys: []*trust.Key{{Fingerprint: p.Fingerprint(), DER: p.DER()}}}
	if err := os.WriteFile(name, f.Append(nil), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestRemember: a list can stay or grow, and nothing else.
func TestRemember(t *testing.T) {
	load := func(parts ...string) *Ring {
		ring, err := Load([]string{vector(parts...)})
		if err != nil {
			t.Fatal(err)
		}
		return ring
	}
	long := load("trust", "fleet.trust")
	without := load("trust", "fleet.trust")
	short := load("trust", "fleet.trust")
	without.Registry.Roots()[0].Revoked = nil
	list, err := trust.ParseList(must(os.ReadFile(vector("trust", "fleet-1.revoked"))))
	if err != nil {
		t.Fatal(err)
	}
	short.Registry.Roots()[0].Revoked = list
	fork := load("trust", "fleet.trust")
	forked := trust.NewList(list.Root)
	for range 5 {
		if err := forked.Renew(list.AsOf()); err != nil {
			t.Fatal(err)
		}
	}
	fork.Registry.Roots()[0].Revoked = forked

	ctx := context.Background()
	state := nonce.NewFile(filepath.Join(t.TempDir(), "state"))
	for i, step := range []struct {
		ring     *Ring
		rollback bool
		fork     bool
	}{
		{without, false, false}, {short, false, false}, {short, false, false}, {without, true, false},
		{long, false, false}, {short, true, false}, {without, true, false}, {fork, false, true}, {long, false, false},
		{load("keys", "test-sign.pub"), false, false},
	} {
		err := step.ring.Remember(ctx, state)
		var rollback *RollbackError
		if errors.As(err, &rollback) != step.rollback || errors.Is(err, trust.ErrFork) != step.fork || (err != nil) != (step.rollback || step.fork) {
			t.Errorf("step %d: %v", i, err)
		}
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

func TestSignerName(t *testing.T) {
	for _, c := range []struct{ label, path, want string }{
		{"pilot 7", "x.key", "pilot-7"},
		{"", "/keys/pilot+7.key", "pilot-7"},
		{strings.Repeat("Ω", 100), "", strings.Repeat("Ω", 64)},
		{"a\u202eb", "", "a-b"},
	} {
		if got := SignerName(c.label, c.path); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.label, c.path, got, c.want)
		}
	}
}
