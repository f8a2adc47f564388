package seal

import (
	"bytes"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cqkit/pkg/pqsig"
)

var update = flag.Bool("update", false, "make the vectors in testdata/seals again")

const vectors = "../../testdata/seals"

// vector is one file of testdata/seals, as a row of its README.md names it.
type vector struct {
	file, log, index string
	verdict          Outcome
	reason           string // part of what is said
}

// badVectors are the bad seals that are kept as files; the tests refuse many more.
var badVectors = []string{
	"crlf", "byte-order-mark", "trailing-empty-line", "signature-twice", "signature-by-another-key",
	"signature-under-another-context", "signature-of-another-name", "signer-renamed",
	"key-hash-of-another-name", "signed-by-another", "joined-notes", "note-of-another-log",
	"middle-note-missing", "without-last-note",
	"signed-version", "signed-leaves-leading-zero", "signed-root-loose-bits", "signed-span-other-times", "signed-gap-unsorted",
	"signed-gap-overlapping", "signed-gap-touching", "signed-gap-missing", "signed-nonce-zero",
	"signed-time-impossible", "signed-name-needless-escape", "signed-line-order", "signed-later-nonce-not-risen",
	"signed-later-other-prev",
}

// TestVectors checks every row of testdata/seals/README.md, and that each file has one.
func TestVectors(t *testing.T) {
	if *update {
		updateVectors(t)
	}
	page, err := os.ReadFile(filepath.Join(vectors, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	key := vectorKey(t)
	listed := map[string]bool{"README.md": true, "pilot-7.pub": true}
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 7 || !strings.Contains(cells[1], "`") {
			continue
		}
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		v := vector{cells[1], cells[2], cells[3], Outcome(strings.Trim(cells[4], "*")), cells[5]}
		listed[v.file], listed[v.log], listed[v.index], rows = true, true, true, rows+1
		v.check(t, key)
	}
	if rows < len(badVectors)+8 {
		t.Errorf("README.md lists %d vectors only", rows)
	}
	files, err := os.ReadDir(vectors)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !listed[f.Name()] {
			t.Errorf("README.md does not list %s", f.Name())
		}
	}
}

func vectorFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func vectorKey(t testing.TB) Key {
	t.Helper()
	block, rest := pem.Decode(vectorFile(t, "pilot-7.pub"))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) > 0 {
		t.Fatal("pilot-7.pub is not one PEM block")
	}
	raw := block.Bytes[len(block.Bytes)-pqsig.MLDSA87PublicKeySize:]
	public, err := pqsig.ParsePublicKey(pqsig.MLDSA87, raw)
	if err != nil || !bytes.Equal(public.SPKI(), block.Bytes) {
		t.Fatalf("pilot-7.pub is not an ML-DSA-87 key: %v", err)
	}
	return Key{Public: public, Fingerprint: public.Fingerprint()}
}

func (v vector) check(t *testing.T, key Key) {
	data := vectorFile(t, v.file)
	if IsProof(data) {
		got := VerifyProof(data, []Key{key})
		if got.Outcome != v.verdict || !strings.Contains(got.Reason, v.reason) {
			t.Errorf("%s: %s (%s), want %s (%s)", v.file, got.Outcome, got.Reason, v.verdict, v.reason)
		}
		return
	}
	q := Request{Log: asLog(vectorFile(t, v.log)), Seal: data, Keys: []Key{key}, Seeds: seeds}
	if v.index != "" {
		index := asLog(vectorFile(t, v.index))
		q.Index = &index
	}
	got := judge(t, q)
	said := got.Reason + " " + strings.Join(got.Warnings, " ")
	for _, f := range got.Findings {
		said += fmt.Sprintf("; %s %d %d", f.Kind, f.SealedIndex, f.Index)
	}
	if got.Outcome != v.verdict || !strings.Contains(said, v.reason) {
		t.Errorf("%s: %s (%s), want %s (%s)", v.file, got.Outcome, said, v.verdict, v.reason)
	}
}

const vectorsPage = `# Seals

Vectors for docs/seal-format.md. A verifier that is given ` + "`pilot-7.pub`" + ` as the only key it trusts must come to
the verdict in each row; for most, the last column is part of what this project's own says about it, which others need not.
The records of the logs are from ` + "`../logs/copter.tlog`" + ` (its origin and
licence are stated there); the key is made from the seed of 32 bytes 0x01, so that anyone can sign more. ` + "`signed-*`" + `
seals break a rule under a signature that holds. Signatures are hedged: ` + "`go test ./pkg/seal -run TestVectors -update`" + `
makes all files anew.

| file | log | index | verdict | because |
| --- | --- | --- | --- | --- |
`

// updateVectors makes all files of testdata/seals.
func updateVectors(t *testing.T) {
	if err := os.RemoveAll(vectors); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(vectors, 0o755); err != nil {
		t.Fatal(err)
	}
	page := bytes.NewBufferString(vectorsPage)
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(vectors, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	row := func(file string, data []byte, log, index string, verdict Outcome, reason string) {
		write(file, data)
		cell := func(name string) string {
			if name != "" {
				name = "`" + name + "`"
			}
			return name
		}
		fmt.Fprintf(page, "| `%s` | %s | %s | **%s** | %s |\n", file, cell(log), cell(index), verdict, reason)
	}
	_, public := testKey(t, 1)
	write("pilot-7.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public.Public.SPKI()}))
	log := smallLog(t)
	altered := bytes.Clone(log)
	altered[500] ^= 1
	clean := bytes.Join(segments(testLog(t))[:600], nil)
	write("small.tlog", log)
	write("altered.tlog", altered)
	write("cut.tlog", log[:751])
	write("longer.tlog", append(bytes.Clone(log), segments(testLog(t))[50]...))
	write("empty.tlog", nil)
	write("clean.tlog", clean)
	write("far.tlog", bytes.Join(segments(testLog(t))[2000:2040], nil))

	one := sealLog(t, log, nil)
	whole := sealLog(t, clean, nil)
	other := append(bytes.Clone(one.index[8:]), one.index[:8]...)
	write("small.cqidx", one.index)
	write("clean.cqidx", whole.index)
	write("other.cqidx", other)
	several := sealLog(t, log, func(o *Options) { o.EveryRecords, o.Index = 12, nil })
	tiles := bytes.Clone(one.seal)
	tiles[len(tiles)-60] ^= 1
	row("valid.cqseal", one.seal, "small.tlog", "small.cqidx", Valid, "unchanged and complete")
	row("valid.cqseal", one.seal, "small.tlog", "other.cqidx", Valid, "the index is damaged")
	row("valid.cqseal", one.seal, "altered.tlog", "small.cqidx", Altered, "changed 12 12")
	row("valid.cqseal", one.seal, "altered.tlog", "", Altered, "changed 0 0")
	row("valid.cqseal", one.seal, "cut.tlog", "small.cqidx", Altered, "truncated 20 -1")
	row("valid.cqseal", one.seal, "longer.tlog", "small.cqidx", Altered, "appended -1 30")
	row("valid-clean.cqseal", whole.seal, "clean.tlog", "clean.cqidx", Valid, "unchanged and complete")
	row("valid-clean.cqseal", whole.seal, "far.tlog", "clean.cqidx", Foreign, "another log")
	row("valid-clean.cqseal", whole.seal, "far.tlog", "", Altered, "the index is missing")
	row("valid-several-notes.cqseal", several.seal, "small.tlog", "", Valid, "unchanged and complete")
	row("valid-empty.cqseal", sealLog(t, nil, func(o *Options) { o.Index = nil }).seal, "empty.tlog", "", Valid, "unchanged and complete")
	row("valid-empty.cqseal", vectorFile(t, "valid-empty.cqseal"), "small.tlog", "", Altered, "appended -1 0")
	row("valid-without-tiles.cqseal", one.seal[:notesOf(one.seal)], "small.tlog", "", Valid, "lost its tiles")
	row("valid-damaged-tiles.cqseal", tiles, "small.tlog", "", Valid, "tiles")

	bad := make(map[string]bool)
	for _, name := range badVectors {
		bad[name] = true
	}
	eachTampering(t, func(name string, seal []byte, want Outcome, reason string) {
		if bad[name] {
			delete(bad, name)
			row(name+".cqseal", seal, "small.tlog", "", want, reason)
		}
	})
	if len(bad) > 0 {
		t.Fatalf("there are no seals %v", bad)
	}

	prover, err := NewProver(asLog(log), one.seal, 1)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := prover.Record(7)
	if err != nil {
		t.Fatal(err)
	}
	row("record-7.tlog-proof", proof, "", "", Valid, "in the sealed log")
	row("record-7-as-6.tlog-proof", bytes.Replace(proof, []byte("\nindex 8\n"), []byte("\nindex 7\n"), 1), "", "", Malformed, "does not hold")
	row("gap.tlog-proof", bytes.Replace(proof, []byte("\nindex 8\n"), []byte("\nindex 21\n"), 1), "", "", Malformed, "gap")
	write("README.md", page.Bytes())
}
