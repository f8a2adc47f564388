//go:build unix

package keyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cqkit/pkg/pqsig"
)

const testPIN = "7391"

// softToken makes a SoftHSM token called "fleet" in a folder of the test and returns its
// module and the environment to reach it with.
func softToken(t *testing.T) (module string, environ []string) {
	t.Helper()
	missing := func(what string) {
		if os.Getenv("CQKIT_REQUIRE") == "all" {
			t.Fatalf("%s is not installed", what)
		}
		t.Skipf("%s is not installed: apt-get install softhsm2 opensc", what)
	}
	for _, m := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(m); err == nil {
			module = m
		}
	}
	if module == "" {
		missing("SoftHSM")
	}
	if _, err := exec.LookPath("pkcs11-tool"); err != nil {
		missing("pkcs11-tool of OpenSC")
	}
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", dir), 0o600); err != nil {
		t.Fatal(err)
	}
	environ = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	init := exec.Command("pkcs11-tool", "--module", module, "--init-token", "--slot-index", "0", "--label", "fleet", "--so-pin", "12345678")
	init.Env = environ
	if out, err := init.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	setPIN := exec.Command("pkcs11-tool", "--module", module, "--token-label", "fleet", "--login", "--login-type", "so", "--so-pin", "12345678", "--init-pin", "--pin", testPIN)
	setPIN.Env = environ
	if out, err := setPIN.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return module, environ
}

func TestToken(t *testing.T) {
	module, environ := softToken(t)
	ctx := context.Background()
	pin := testPIN
	store := &TokenStore{Environ: environ, PIN: func() ([]byte, error) { return []byte(pin), nil }}
	uri := func(object string) *TokenURI { return &TokenURI{Token: "fleet", Object: object, Module: module} }

	another, err := Generate(Sign, Comments{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []Kind{Sign, KEM, Root} {
		if kind == Root && testing.Short() {
			continue // nothing but slower
		}
		k, err := Generate(kind, Comments{Label: "forgotten"})
		if err != nil {
			t.Fatal(err)
		}
		name := "the " + kind.String() + " key; of=Ω"
		if _, err := store.Read(ctx, uri(name)); !errors.Is(err, ErrNoObject) {
			t.Errorf("%v: before: %v", kind, err)
		}
		if err := store.Write(ctx, uri(name), k); err != nil {
			t.Fatalf("%v: %v", kind, err)
		}
		back, err := store.Read(ctx, uri(name))
		if err != nil || back.Fingerprint() != k.Fingerprint() || back.Kind() != kind || back.Label != name {
			t.Fatalf("%v: %v, %v", kind, back, err)
		}
		if err := store.Write(ctx, uri(name), another); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%v: a second one: %v", kind, err)
		}
	}
	hybrid, err := Generate(Hybrid, Comments{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Write(ctx, uri("hybrid"), hybrid); err == nil {
		t.Error("a hybrid key was stored")
	}

	signer, err := NewTokenSigner(ctx, store, uri("the sign key; of=Ω"))
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 3 {
		wait.Go(func() {
			msg := fmt.Appendf(nil, "message %d", i)
			sig, err := signer.Sign(msg, "test")
			if err != nil || signer.Public().Verify(msg, "test", sig) != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wait.Wait()
	if _, err := NewTokenSigner(ctx, store, uri("the kem key; of=Ω")); err == nil {
		t.Error("a kem key signs")
	}

	// What goes wrong says what it is, and never the PIN.
	for _, c := range []struct {
		name string
		uri  *TokenURI
		pin  string
		tool string
		want string
	}{
		{"wrong PIN", uri("x"), "999999", "", "refuses the PIN"},
		{"no such token", &TokenURI{Token: "other", Object: "x", Module: module}, testPIN, "", "no token of this name"},
		{"no such module", &TokenURI{Token: "fleet", Object: "x", Module: "/nowhere/x.so"}, testPIN, "", "cannot be loaded"},
		{"no such tool", uri("x"), testPIN, "no-such-tool", "is part of OpenSC"},
		{"a label like an option", uri("--help"), testPIN, "", "no such object"},
	} {
		pin = c.pin
		s := &TokenStore{Tool: c.tool, Environ: environ, PIN: store.PIN}
		_, err := s.Read(ctx, c.uri)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), c.pin) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	pin = testPIN
	write := exec.Command("pkcs11-tool", "--module", module, "--token-label", "fleet", "--login", "--pin", testPIN,
		"--write-object", "/dev/stdin", "--type", "data", "--label", "junk", "--application-label", "cqkit", "--private")
	write.Env, write.Stdin = environ, bytes.NewReader(bytes.Repeat([]byte("junk"), 500))
	if out, err := write.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := store.Read(ctx, uri("junk")); err == nil || !strings.Contains(err.Error(), "no key of cqkit") {
		t.Errorf("junk: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := store.Read(gone, uri("junk")); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestToolArguments has a tool that records how it is called: the PIN is in its
// environment and nowhere in its arguments, and the seed comes to it through a pipe.
func TestToolArguments(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "tool")
	if err := os.WriteFile(tool, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >>"+dir+"/args\nenv >"+dir+"/env\n"+
		"case $1 in --read-object) test -f "+dir+"/object && exec cat "+dir+"/object; echo 'error: object not found' >&2; exit 1;; *) cat >"+dir+"/object;; esac\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	k, err := Generate(Sign, Comments{})
	if err != nil {
		t.Fatal(err)
	}
	store := &TokenStore{Tool: tool, Environ: os.Environ(), PIN: func() ([]byte, error) { return []byte(testPIN), nil }}
	if err := store.Write(context.Background(), &TokenURI{Token: "t", Object: "o"}, k); err != nil {
		t.Fatal(err)
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	env, _ := os.ReadFile(filepath.Join(dir, "env"))
	if bytes.Contains(args, []byte(testPIN)) || !bytes.Contains(env, []byte("CQKIT_TOKEN_PIN="+testPIN)) || !bytes.Contains(args, []byte("env:CQKIT_TOKEN_PIN")) {
		t.Errorf("arguments:\n%s", args)
	}
	if seed := k.Signer().Seed(); bytes.Contains(args, seed) || bytes.Contains(env, seed) {
		t.Error("the seed is in arguments or environment")
	}
	// A token that swaps the key between signatures is noticed.
	signer, err := NewTokenSigner(context.Background(), store, &TokenURI{Token: "t", Object: "o"})
	if err != nil {
		t.Fatal(err)
	}
	var _ interface {
		Public() *pqsig.PublicKey
		Sign(msg []byte, context string) ([]byte, error)
	} = signer
	os.Remove(filepath.Join(dir, "object"))
	other, err := Generate(Sign, Comments{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Write(context.Background(), &TokenURI{Token: "t", Object: "o"}, other); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Sign([]byte("x"), "test"); err == nil || !strings.Contains(err.Error(), "another key than before") {
		t.Errorf("swapped: %v", err)
	}
}
