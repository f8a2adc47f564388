package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/seal"
	"cqkit/pkg/trust"
)

// trusted makes a trust file that names the key of testdata/seals, a root that revoked
// it from a time on, and a witness, and attests the seal to an earlier time. It returns
// the trust file, the log, its seal and the seal with the attestation.
func trusted(t *testing.T, dir string, from time.Time, until time.Time) (file, log, bare, attested string) {
	t.Helper()
	module, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	seals := filepath.Join(module, "testdata", "seals")
	public, err := keyfile.ReadPublic(filepath.Join(seals, "pilot-7.pub"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := keyfile.Generate(keyfile.Root, keyfile.Comments{})
	if err != nil {
		t.Fatal(err)
	}
	der := root.Public().DER()
	f := &trust.File{
		Root: &trust.Root{Fingerprint: root.Fingerprint(), DER: der},
		Keys: []*trust.Key{{Fingerprint: public.Fingerprint(), DER: public.DER(), Until: until}},
	}
	if !from.IsZero() {
		l := trust.NewList(root.Fingerprint())
		if err := l.Revoke(from, trust.Revocation{Fingerprint: public.Fingerprint(), From: from, Reason: trust.Lost, Text: "<b>in the lake</b>"}); err != nil {
			t.Fatal(err)
		}
		if err := l.Sign("root", der, root.Signer().Sign); err != nil {
			t.Fatal(err)
		}
		f.Root.Revoked = l
	}
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	w, err := trust.NewWitness("witness.example", key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	f.Witnesses = []*trust.Witness{w}
	bare = filepath.Join(seals, "valid.cqseal")
	data, err := os.ReadFile(bare)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := seal.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Cosign(parsed.Last().Text(), from.AddDate(0, 0, -1), key)
	if !from.IsZero() && err != nil {
		t.Fatal(err)
	}
	if err == nil {
		if data, err = seal.Attach(data, trust.Attestation{Cosignature: c}); err != nil {
			t.Fatal(err)
		}
	}
	file, attested = filepath.Join(dir, "f.trust"), filepath.Join(dir, "attested.cqseal")
	for name, text := range map[string][]byte{file: f.Append(nil), attested: data} {
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return file, filepath.Join(seals, "small.tlog"), bare, attested
}

// TestTrustReport: what is said of a key that was revoked, or is out of its window, fits
// the schema, and is text in a page for browsers.
func TestTrustReport(t *testing.T) {
	schema := compileSchemas(t)["cqverify-verdict"]
	if schema == nil {
		t.Fatal("no schema cqverify-verdict")
	}
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	dir := t.TempDir()
	for _, c := range []struct {
		name        string
		from, until time.Time
		attested    bool
		code        int
		want        string
	}{
		{"revoked", day("2026-01-01"), time.Time{}, false, 1, `"refused": "revoked"`},
		{"revoked, and older than that", day("2026-01-01"), time.Time{}, true, 0, `"at": "2025-12-31T00:00:00Z"`},
		{"too late", time.Time{}, day("2020-01-01"), false, 1, `"refused": "too_late"`},
	} {
		file, log, bare, attested := trusted(t, dir, c.from, c.until)
		args := []string{"-k", file, "-s", bare, "--json", "--html", filepath.Join(dir, "page.html"), "--force", log}
		if c.attested {
			args[3] = attested
		}
		code, stdout, stderr := run(context.Background(), nil, args...)
		if code != c.code || !strings.Contains(stdout, c.want) {
			t.Errorf("%s: exit %d, want %d and %s\n%s%s", c.name, code, c.code, c.want, stdout, stderr)
		}
		validate(t, schema, stdout)
		page, err := os.ReadFile(filepath.Join(dir, "page.html"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(page, []byte("<b>in the lake")) || !c.from.IsZero() && !bytes.Contains(page, []byte("&lt;b&gt;in the lake")) {
			t.Errorf("%s: the page does not show the root's words as text", c.name)
		}
	}

	// A list whose signature is another's is no list, inside a trust file, too.
	file, log, bare, _ := trusted(t, dir, day("2026-01-01"), time.Time{})
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("-----BEGIN CQKIT REVOCATIONS"))
	block, rest := pem.Decode(data[at:])
	block.Bytes = bytes.Replace(block.Bytes, []byte("2026-01-01"), []byte("2099-01-01"), 2)
	if err := os.WriteFile(file, append(append(data[:at:at], pem.EncodeToMemory(block)...), rest...), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(context.Background(), nil, "-k", file, "-s", bare, log)
	if code != 3 || stdout != "" || !strings.Contains(stderr, "the signature of the revocation list does not hold") {
		t.Errorf("edited list: exit %d\n%s%s", code, stdout, stderr)
	}
}
