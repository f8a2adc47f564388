package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
	sumtlog "golang.org/x/mod/sumdb/tlog"
)

// What follows is a second verifier, written from docs/seal-format.md alone: the
// signed note by golang.org/x/mod/sumdb/note, the tree by .../tlog, ML-DSA by
// filippo.io/mldsa. It uses nothing of package seal but the bytes it made.

type pageVerifier struct {
	name string
	hash uint32
	key  *mldsa.PublicKey
}

func newPageVerifier(name string, public []byte) (*pageVerifier, error) {
	key, err := mldsa.NewPublicKey(mldsa.MLDSA87(), public)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(name + "\x0a" + "\xff" + "cqkit ML-DSA-87" + string(public)))
	return &pageVerifier{name, binary.BigEndian.Uint32(sum[:4]), key}, nil
}

func (v *pageVerifier) Name() string    { return v.name }
func (v *pageVerifier) KeyHash() uint32 { return v.hash }
func (v *pageVerifier) Verify(msg, sig []byte) bool {
	return mldsa.Verify(v.key, msg, sig, &mldsa.Options{Context: "cqkit/flight-log/v1"}) == nil
}

// pageCut cuts the first size bytes of a log as the gap lines say.
func pageCut(log []byte, gaps [][3]int, size int) ([][]byte, error) {
	var leaves [][]byte
	at := 0
	records := func(end int) error {
		for at < end {
			rest := log[at:end]
			if len(rest) < 8+2 {
				return fmt.Errorf("no record at %d", at)
			}
			m, n, length := rest[8], int(rest[9]), 0
			switch {
			case m == 0xFE:
				length = 8 + 6 + n + 2
			case m == 0xFD && len(rest) > 10 && rest[10] == 0:
				length = 8 + 10 + n + 2
			case m == 0xFD && len(rest) > 10 && rest[10] == 1:
				length = 8 + 10 + n + 2 + 13
			}
			if length == 0 || length > len(rest) {
				return fmt.Errorf("no record at %d", at)
			}
			leaves = append(leaves, rest[:length])
			at += length
		}
		return nil
	}
	for _, g := range gaps {
		if err := records(g[0]); err != nil {
			return nil, err
		}
		if len(leaves) != g[2] {
			return nil, fmt.Errorf("gap at %d is leaf %d, not %d", at, len(leaves), g[2])
		}
		leaves = append(leaves, log[at:at+g[1]])
		at += g[1]
	}
	return leaves, records(size)
}

// pageRoot returns the tree head over leaves as sumdb/tlog computes it, and the tree.
func pageRoot(leaves [][]byte) (sumtlog.Hash, sumtlog.HashReader, error) {
	var stored []sumtlog.Hash
	reader := sumtlog.HashReaderFunc(func(indexes []int64) ([]sumtlog.Hash, error) {
		var hashes []sumtlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for i, leaf := range leaves {
		more, err := sumtlog.StoredHashes(int64(i), leaf, reader)
		if err != nil {
			return sumtlog.Hash{}, nil, err
		}
		stored = append(stored, more...)
	}
	if len(leaves) == 0 {
		return sumtlog.Hash(sha256.Sum256(nil)), reader, nil
	}
	root, err := sumtlog.TreeHash(int64(len(leaves)), reader)
	return root, reader, err
}

// pageNotes splits a seal into its notes.
func pageNotes(seal string) (notes []string) {
	seal, _, _ = strings.Cut(seal, "-----BEGIN CQKIT FLIGHT LOG TILES-----")
	for {
		i := strings.Index(seal, "\n\ncqkit/flight-log/v1/")
		if i < 0 {
			return append(notes, seal)
		}
		notes, seal = append(notes, seal[:i+1]), seal[i+2:]
	}
}

// TestIndependent checks that seals verify by the page alone.
func TestIndependent(t *testing.T) {
	key, _ := testKey(t, 1)
	verifier, err := newPageVerifier("pilot-7", key.Private.Public().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	logs := map[string][]byte{
		"copter": testLog(t), "small": smallLog(t), "empty": nil, "text": []byte("no log"),
		"zeros":   append(bytes.Clone(testLog(t)[:100_000]), make([]byte, 500_000)...),
		"flipped": func() []byte { d := bytes.Clone(testLog(t)); d[len(d)/2] ^= 3; return d }(),
	}
	for name, log := range logs {
		for _, every := range []uint64{0, 700, 9} {
			if every == 9 && len(log) > 10_000 {
				continue
			}
			s := sealLog(t, log, func(o *Options) { o.EveryRecords = every })
			var gaps [][3]int
			var index []byte
			notes := pageNotes(string(s.seal))
			prev := "-"
			for i, text := range notes {
				opened, err := note.Open([]byte(text), note.VerifierList(verifier))
				if err != nil {
					t.Fatalf("%s: note %d: %v", name, i, err)
				}
				if len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 0 {
					t.Fatalf("%s: note %d has other signatures", name, i)
				}
				lines := strings.Split(opened.Text, "\n")
				fields := map[string]string{}
				for _, line := range lines[3:] {
					word, value, _ := strings.Cut(line, " ")
					if fields[word] = value; word == "gap" {
						var g [3]int
						if _, err := fmt.Sscanf(value, "%d %d %d", &g[0], &g[1], &g[2]); err != nil {
							t.Fatal(err)
						}
						gaps = append(gaps, g)
					}
				}
				size, err := strconv.Atoi(fields["bytes"])
				if err != nil {
					t.Fatal(err)
				}
				leaves, err := pageCut(log, gaps, size)
				if err != nil {
					t.Fatalf("%s: note %d: %v", name, i, err)
				}
				root, _, err := pageRoot(leaves)
				if err != nil {
					t.Fatal(err)
				}
				if lines[1] != strconv.Itoa(len(leaves)) || lines[2] != base64.StdEncoding.EncodeToString(root[:]) {
					t.Errorf("%s: note %d: tree head %s %s, by the page %d %v", name, i, lines[1], lines[2], len(leaves), root)
				}
				if fields["prev"] != prev {
					t.Errorf("%s: note %d: prev %s, want %s", name, i, fields["prev"], prev)
				}
				sum := sha256.Sum256([]byte(opened.Text))
				prev = base64.StdEncoding.EncodeToString(sum[:])
				_, final := fields["final"]
				if final != (i == len(notes)-1) || final && size != len(log) {
					t.Errorf("%s: note %d: final %v at %d of %d", name, i, final, size, len(log))
				}
				if final {
					for _, leaf := range leaves {
						h := sumtlog.RecordHash(leaf)
						index = append(index, h[:8]...)
					}
					sum := sha256.Sum256(index)
					if fields["index"] != base64.StdEncoding.EncodeToString(sum[:]) || !bytes.Equal(index, s.index) {
						t.Errorf("%s: the index is not as the page says", name)
					}
				}
			}
		}
	}
}

// TestIndependentProof checks a proof with sumdb/tlog alone.
func TestIndependentProof(t *testing.T) {
	s := sealLog(t, smallLog(t), nil)
	p, err := NewProver(asLog(s.log), s.seal, 1)
	if err != nil {
		t.Fatal(err)
	}
	recs := []segment{}
	for _, seg := range cutAll(s.log) {
		if !seg.gap {
			recs = append(recs, seg)
		}
	}
	for i := range p.Records() {
		proof, err := p.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		head, text, _ := strings.Cut(string(proof), "\n\n")
		lines := strings.Split(head, "\n")
		if lines[0] != "c2sp.org/tlog-proof@v1" {
			t.Fatalf("begins with %q", lines[0])
		}
		record, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
		if err != nil || !bytes.Equal(record, recs[i].data) {
			t.Fatalf("record %d: %v", i, err)
		}
		leaf, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		var path sumtlog.RecordProof
		for _, line := range lines[3:] {
			h, err := sumtlog.ParseHash(line)
			if err != nil {
				t.Fatal(err)
			}
			path = append(path, h)
		}
		body := strings.Split(text, "\n")
		leaves, _ := strconv.ParseInt(body[1], 10, 64)
		root, _ := sumtlog.ParseHash(body[2])
		if err := sumtlog.CheckRecord(path, leaves, root, leaf, sumtlog.RecordHash(record)); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
}
