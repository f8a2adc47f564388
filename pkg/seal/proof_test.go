package seal

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func newProver(t testing.TB, s sealed) *Prover {
	t.Helper()
	p, err := NewProver(asLog(s.log), s.seal, 2)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func proofOf(t testing.TB, p *Prover, record uint64) []byte {
	t.Helper()
	proof, err := p.Record(record)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

// TestProofs proves records of logs with and without gaps and notes.
func TestProofs(t *testing.T) {
	_, key := testKey(t, 1)
	log := testLog(t)
	logs := map[string][]byte{
		"clean": log, "small": smallLog(t), "one": segments(log)[0], "256": bytes.Join(segments(log)[:256], nil), "257": bytes.Join(segments(log)[:257], nil),
		"gaps": slices.Concat(make([]byte, 700_000), log[:100_000], []byte("text"), log[100_000:], make([]byte, 10)),
	}
	for name, log := range logs {
		for _, every := range []uint64{0, 1000} {
			s := sealLog(t, log, func(o *Options) { o.EveryRecords = every })
			p := newProver(t, s)
			var recs [][]byte
			for _, seg := range cutAll(log) {
				if !seg.gap {
					recs = append(recs, seg.data)
				}
			}
			n := uint64(len(recs))
			if p.Records() != n {
				t.Fatalf("%s: %d records of %d", name, p.Records(), n)
			}
			for _, i := range []uint64{0, 1, n / 3, n / 2, 255, 256, 999, 1000, n - 2, n - 1} {
				if i >= n {
					if _, err := p.Record(i); err == nil {
						t.Errorf("%s: there is a proof of record %d of %d", name, i, n)
					}
					continue
				}
				v := VerifyProof(proofOf(t, p, i), []Key{key})
				if v.Outcome != Valid || !bytes.Equal(v.Record, recs[i]) {
					t.Fatalf("%s: record %d: %s (%s)", name, i, v.Outcome, v.Reason)
				}
				if v.Index != int64(i) && (every == 0 || i < 1000 || v.Index != -1) {
					t.Errorf("%s: record %d is said to be %d", name, i, v.Index)
				}
				if !v.Note.Final && v.Note.Leaves < i {
					t.Errorf("%s: record %d under a note of %d leaves", name, i, v.Note.Leaves)
				}
			}
		}
	}
	if _, err := newProver(t, sealLog(t, nil, nil)).Record(0); err == nil {
		t.Error("a record of an empty log is proved")
	}
}

// TestProofKeys checks who must have signed.
func TestProofKeys(t *testing.T) {
	_, key := testKey(t, 1)
	_, other := testKey(t, 2)
	proof := proofOf(t, newProver(t, sealLog(t, smallLog(t), nil)), 3)
	for _, c := range []struct {
		keys []Key
		want Outcome
	}{{nil, Untrusted}, {[]Key{other}, Untrusted}, {[]Key{other, key}, Valid}, {[]Key{{Public: other.Public, Fingerprint: key.Fingerprint}}, Malformed}} {
		v := VerifyProof(proof, c.keys)
		if v.Outcome != c.want || v.Reason == "" || (v.Record != nil) != (c.want == Valid) {
			t.Errorf("%d keys: %s (%s), record %x", len(c.keys), v.Outcome, v.Reason, v.Record)
		}
	}
}

// TestMangledProofs changes every byte of proofs and cuts them everywhere.
func TestMangledProofs(t *testing.T) {
	t.Parallel()
	_, key := testKey(t, 1)
	s := sealLog(t, smallLog(t), func(o *Options) { o.EveryRecords = 12 })
	p := newProver(t, s)
	between, err := p.Consistency(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, proof := range map[string][]byte{"record": proofOf(t, p, 5), "consistency": between} {
		if v := VerifyProof(proof, []Key{key}); v.Outcome != Valid {
			t.Fatalf("%s: %s (%s)", name, v.Outcome, v.Reason)
		}
		refused := func(data []byte, what string, at int) {
			t.Helper()
			v := VerifyProof(data, []Key{key})
			if v.Outcome != Malformed && v.Outcome != Untrusted || v.Record != nil || v.Reason == "" {
				t.Fatalf("%s: %s at %d: %s (%s)", name, what, at, v.Outcome, v.Reason)
			}
		}
		for at := range proof {
			if inside := at - bytes.LastIndexByte(proof[:at], '\n'); inside > 200 && at%(5*scaleDown(60)) != 0 {
				continue
			}
			for i, b := range otherBytes(proof[at]) {
				if n := 6 * scaleDown(2); i%n == at%n {
					mangled := bytes.Clone(proof)
					mangled[at] = b
					refused(mangled, "changed byte", at)
				}
			}
			if at%scaleDown(5) != 0 {
				continue
			}
			refused(proof[:at], "cut", at)
			if less := slices.Delete(bytes.Clone(proof), at, at+1); !bytes.Equal(less, proof) {
				refused(less, "one byte less", at)
			}
		}
		refused(append(bytes.Clone(proof), '\n'), "an empty line behind", len(proof))
		refused(append([]byte("\n"), proof...), "an empty line before", 0)
		refused(bytes.ReplaceAll(proof, []byte("\n"), []byte("\r\n")), "CRLF", 0)
	}
}

// TestProofOfGap checks that a gap passes for no record.
func TestProofOfGap(t *testing.T) {
	_, key := testKey(t, 1)
	s := sealLog(t, smallLog(t), nil)
	proof := string(proofOf(t, newProver(t, s), 5))
	for _, c := range []struct{ from, to, reason string }{
		{"index 6\n", "index 0\n", "gap"},
		{"index 6\n", "index 7\n", "does not hold"},
		{"index 6\n", "index 33\n", "not among"},
		{"index 6\n", "index 9223372036854775807\n", "not among"},
		{"index 6\n", "index 06\n", "decimal"},
		{"extra ", "extra AAAA", "not exactly one record"},
		{"extra ", "extra\n", "extra"},
	} {
		if !strings.Contains(proof, c.from) {
			t.Fatalf("%q is not in the proof", c.from)
		}
		v := VerifyProof([]byte(strings.Replace(proof, c.from, c.to, 1)), []Key{key})
		if v.Outcome != Malformed || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%q: %s (%s), want %q", c.to, v.Outcome, v.Reason, c.reason)
		}
	}
}

func TestConsistency(t *testing.T) {
	_, key := testKey(t, 1)
	// Notes of 0 leaves and of as many as the one before do occur: nothing has been
	// recorded yet, or since.
	log := testLog(t)
	s := sealLog(t, log, func(o *Options) { o.EveryRecords = 100 })
	p := newProver(t, s)
	n := p.Notes()
	for _, pair := range [][2]int{{0, 1}, {0, n - 1}, {3, 7}, {n - 2, n - 1}, {1, n / 2}} {
		proof, err := p.Consistency(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		v := VerifyProof(proof, []Key{key})
		if v.Outcome != Valid || v.Earlier == nil || v.Earlier.Leaves > v.Note.Leaves {
			t.Errorf("%v: %s (%s)", pair, v.Outcome, v.Reason)
		}
		a, b := string(v.Earlier.encode()), string(v.Note.encode())
		swapped := strings.Replace(strings.Replace(string(proof), a, "\x00", 1), b, a, 1)
		swapped = strings.Replace(swapped, "\x00", b, 1)
		if v := VerifyProof([]byte(swapped), []Key{key}); v.Outcome != Malformed {
			t.Errorf("%v swapped: %s (%s)", pair, v.Outcome, v.Reason)
		}
		if same := strings.Replace(string(proof), b, a, 1); VerifyProof([]byte(same), []Key{key}).Outcome != Malformed {
			t.Errorf("%v: a note follows itself", pair)
		}
	}
	for _, pair := range [][2]int{{0, 0}, {1, 0}, {-1, 0}, {0, n}} {
		if _, err := p.Consistency(pair[0], pair[1]); err == nil {
			t.Errorf("%v: no error", pair)
		}
	}
}

// TestConsistencyOfNothing proves growth from nothing and by nothing.
func TestConsistencyOfNothing(t *testing.T) {
	signing, key := testKey(t, 1)
	log := bytes.Join(segments(testLog(t))[:10], nil)
	s, err := newSigner(signing, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer s.tree.close()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.note(false))
	must(s.note(false))
	for _, seg := range cutAll(log) {
		s.tree.add(seg.data)
		s.sum.Records, s.sum.Bytes = s.sum.Records+1, s.sum.Bytes+int64(len(seg.data))
		if s.sum.HasSpan, s.sum.Last = true, tlogTime(seg); s.sum.Records == 1 {
			s.sum.First = s.sum.Last
		}
	}
	must(s.note(false))
	must(s.note(true))
	v := judge(t, Request{Log: asLog(log), Seal: s.out, Keys: []Key{key}, Seeds: seeds})
	if v.Outcome != Valid {
		t.Fatalf("%s (%s)", v.Outcome, v.Reason)
	}
	p := newProver(t, sealed{log: log, seal: s.out})
	for earlier := range 4 {
		for later := earlier + 1; later < 4; later++ {
			proof, err := p.Consistency(earlier, later)
			must(err)
			if v := VerifyProof(proof, []Key{key}); v.Outcome != Valid {
				t.Errorf("%d to %d: %s (%s)", earlier, later, v.Outcome, v.Reason)
			}
			hash := strings.Replace(string(proof), "\n\n", "\n"+strings.Repeat("A", 43)+"=\n\n", 1)
			if v := VerifyProof([]byte(hash), []Key{key}); v.Outcome != Malformed {
				t.Errorf("%d to %d with a needless hash: %s", earlier, later, v.Outcome)
			}
		}
	}
}

// TestProverRefuses checks that nothing is proved from another log.
func TestProverRefuses(t *testing.T) {
	s := sealLog(t, smallLog(t), nil)
	for name, log := range map[string][]byte{
		"changed": func() []byte { d := bytes.Clone(s.log); d[700] ^= 1; return d }(), "shorter": s.log[:len(s.log)-1],
		"longer": append(bytes.Clone(s.log), 0), "empty": nil,
	} {
		if _, err := NewProver(asLog(log), s.seal, 1); !errors.Is(err, ErrNotSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var m *MalformedError
	if _, err := NewProver(asLog(s.log), s.seal[:100], 1); !errors.As(err, &m) {
		t.Errorf("a torn seal: %v", err)
	}
	// Changed after it was opened.
	data := bytes.Clone(s.log)
	p, err := NewProver(asLog(data), s.seal, 1)
	if err != nil {
		t.Fatal(err)
	}
	data[60] ^= 1
	for i := range p.Records() {
		if _, err := p.Record(i); !errors.Is(err, ErrNotSealed) {
			t.Errorf("record %d of a log that changed: %v", i, err)
		}
	}
}
