package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// sealer seals with one of the test keys, always at the same time.
type sealer struct {
	t      testing.TB
	key    *keyfile.Private
	seeds  *tlog.Seeds
	signer string
	nonces nonce.Source
	inside bool // put the seal inside the log, in place of beside it
}

func newSealer(t testing.TB) *sealer {
	t.Helper()
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(root, "testdata", "keys", "test-sign.key"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := keyfile.Parse(data, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &sealer{t: t, key: file.Private, seeds: tlog.NewSeeds(mav.Seeds()), signer: "pilot-7"}
}

// seal seals a log as path, with its index unless index is false.
func (s *sealer) seal(log []byte, path, name string, every uint64, index bool) []byte {
	s.t.Helper()
	prefixes := new(bytes.Buffer)
	o := seal.Options{
		Signer: s.signer, Name: name, EveryRecords: every, Nonces: &s.nonces,
		Clock: func() time.Time { return time.Date(2026, 11, 21, 2, 10, 0, 0, time.UTC) },
	}
	if index {
		o.Index = prefixes
	}
	var inside bytes.Buffer
	if s.inside {
		o.Embed = &inside
	}
	key := seal.SigningKey{Private: s.key.Signer(), Fingerprint: s.key.Fingerprint()}
	data, _, err := seal.Sign(bytes.NewReader(log), s.seeds, key, o)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.inside {
		data, path = inside.Bytes(), strings.TrimSuffix(path, ".cqseal")
	}
	put(s.t, path, data)
	if index {
		put(s.t, strings.TrimSuffix(path, ".cqseal")+".cqidx", prefixes.Bytes())
	}
	return data
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t testing.TB, path string, data ...[]byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, slices.Concat(data...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goldenFiles makes the logs, seals, keys and proofs that the cases name, and returns
// the folder they are in.
func goldenFiles(t *testing.T) string {
	t.Helper()
	s, dir := newSealer(t), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	flight, other, secret := made(t, "flight", 1500, 1), made(t, "flight", 700, 2), made(t, "signing-key", 300, 3)

	put(t, at("pilot.pub"), publicKey(t, s.key, "pilot-7"))
	put(t, at("raw.pub"), publicKey(t, s.key, ""))
	rival, err := keyfile.Generate(keyfile.Sign, keyfile.Comments{Label: "rival"})
	if err != nil {
		t.Fatal(err)
	}
	put(t, at("rival.pub"), publicKey(t, rival, "rival"))

	put(t, at("flight.tlog"), flight...)
	whole := slices.Concat(flight...)
	sealed := s.seal(whole, at("flight.tlog.cqseal"), "flight.tlog", 0, true)
	s.seal(whole, at("no-index.cqseal"), "flight.tlog", 0, false)
	put(t, at("edited.cqseal"), bytes.Replace(sealed, []byte("\nbytes 6"), []byte("\nbytes 7"), 1))
	put(t, at("other.tlog"), other...)
	s.seal(slices.Concat(other...), at("other.tlog.cqseal"), "other.tlog", 0, true)

	notes := s.seal(whole, at("notes.cqseal"), "flight.tlog", 500, true)
	if err := cutNotes("2", at("notes.cqseal"), at("open.cqseal")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if code, _, stderr := run(context.Background(), nil, "-k", "pilot.pub", "--state", "state", "-s", "notes.cqseal", "flight.tlog"); code != 0 {
		t.Fatal(stderr)
	}

	edits := [][]string{{"change", "100"}, {"drop", "200-209"}, {"move", "500-519", "900"}, {"double", "1000"}, {"keep", "3-end"}}
	log := slices.Clone(flight)
	for _, e := range edits {
		if log, err = editLog(e[0], e[1:], log); err != nil {
			t.Fatal(err)
		}
	}
	log = slices.Insert(log, 1300, other[40:52]...)
	put(t, at("altered.tlog"), log[:len(log)-4]...)
	put(t, at("days.tlog"), append(slices.Clone(flight), timed(begin+3*24*3600_000_000, flight[7][tlog.TimeSize:]))...)

	dirty := slices.Concat(whole[:len(flight[0])], []byte("console text"), whole[len(flight[0]):])
	s.seal(dirty, at("dirty.cqseal"), "dirtier.tlog", 0, true)
	put(t, at("dirtier.tlog"), bytes.Replace(dirty, []byte("console text"), []byte("consul's test"), 1))

	s.inside = true
	embedded := s.seal(whole, at("inside.tlog.cqseal"), "inside.tlog", 500, true)
	s.inside = false
	s.seal(embedded, at("both.tlog.cqseal"), "both.tlog", 0, true)
	put(t, at("both.tlog"), embedded)
	// Behind the first note's carriers: record 700 is not the 700th of the file any more.
	at700 := bytes.Index(embedded, flight[700])
	put(t, at("inside-altered.tlog"), embedded[:at700], other[3], embedded[at700+len(flight[700]):])
	put(t, at("inside-altered.tlog.cqidx"), readFile(t, at("inside.tlog.cqidx")))

	put(t, at("secret.tlog"), secret...)
	put(t, at("link.raw"), made(t, "raw", 300, 4)...)
	put(t, at("logs/1.tlog"), other...)
	s.seal(slices.Concat(other...), at("logs/1.tlog.cqseal"), "1.tlog", 0, true)
	put(t, at("logs/2.tlog"), slices.Concat(other[:9]...), slices.Concat(other[12:]...))
	s.seal(slices.Concat(other...), at("logs/2.tlog.cqseal"), "2.tlog", 0, true)
	put(t, at("logs/3 with a long name, as ground stations give them.tlog"), secret...)
	s.seal(other[0], at("logs/4.tlog.cqseal"), "4.tlog", 0, false)

	prover, err := seal.NewProver(seal.Log{ReaderAt: bytes.NewReader(whole), Size: int64(len(whole))}, notes, 1)
	if err != nil {
		t.Fatal(err)
	}
	record, err := prover.Record(42)
	if err != nil {
		t.Fatal(err)
	}
	both, err := prover.Consistency(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	put(t, at("record.tlog-proof"), record)
	put(t, at("edited.tlog-proof"), bytes.Replace(record, []byte("\nindex 42\n"), []byte("\nindex 43\n"), 1))
	put(t, at("both.consistency-proof"), both)
	return dir
}

func made(t *testing.T, kind string, n int, seed uint64) [][]byte {
	t.Helper()
	log, err := makeLog(kind, n, seed)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// publicKey is the public half's file with another label.
func publicKey(t testing.TB, k *keyfile.Private, label string) []byte {
	t.Helper()
	data, err := keyfile.NewPublic(k.Public().Verifier(), keyfile.Comments{Label: label}).Marshal(keyfile.PEM)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
