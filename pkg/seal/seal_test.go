package seal

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

var seeds = tlog.NewSeeds(mav.Seeds())

// testKey returns a key made from a fixed seed.
func testKey(t testing.TB, n byte) (SigningKey, Key) {
	t.Helper()
	private, err := pqsig.NewPrivateKey(pqsig.MLDSA87, bytes.Repeat([]byte{n}, pqsig.MLDSA87SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	print := private.Public().Fingerprint()
	return SigningKey{private, print}, Key{Public: private.Public(), Fingerprint: print}
}

// sealed is a log with its seal.
type sealed struct {
	log, seal, index []byte
	sum              *Summary
}

func testOptions() Options {
	return Options{
		Signer: "pilot-7", Name: "test.tlog", Workers: 2, Nonces: new(nonce.Source),
		Clock: func() time.Time { return time.Unix(1_763_690_000, 0) },
	}
}

func sealLog(t testing.TB, log []byte, change func(*Options)) sealed {
	t.Helper()
	key, _ := testKey(t, 1)
	var index bytes.Buffer
	o := testOptions()
	o.Index = &index
	if change != nil {
		change(&o)
	}
	data, sum, err := Sign(bytes.NewReader(log), seeds, key, o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Bytes != int64(len(log)) {
		t.Fatalf("sealed %d bytes of %d", sum.Bytes, len(log))
	}
	return sealed{log, data, index.Bytes(), sum}
}

func asLog(data []byte) Log { return Log{bytes.NewReader(data), int64(len(data))} }

func (s sealed) request(t testing.TB, presented []byte) Request {
	_, key := testKey(t, 1)
	q := Request{Log: asLog(presented), Seal: s.seal, Keys: []Key{key}, Seeds: seeds, Workers: 2}
	if s.index != nil {
		index := asLog(s.index)
		q.Index = &index
	}
	return q
}

func judge(t testing.TB, q Request) *Verdict {
	t.Helper()
	v, err := Verify(q)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func testLog(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("../../testdata/logs/copter.tlog")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// records returns the segments of a log.
func segments(data []byte) [][]byte {
	s := tlog.NewSliceScanner(data, seeds, tlog.Timed)
	var segs [][]byte
	for {
		seg, err := s.Next()
		if err != nil {
			return segs
		}
		segs = append(segs, seg.Data)
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	logs := map[string][]byte{
		"copter":   testLog(t),
		"empty":    nil,
		"one":      segments(testLog(t))[0],
		"garbage":  []byte("this is no log"),
		"dirty":    bytes.Join([][]byte{[]byte("x"), testLog(t)[:50_000], make([]byte, 700_000), testLog(t)[50_000:100_001]}, nil),
		"256":      bytes.Join(segments(testLog(t))[:256], nil),
		"257":      bytes.Join(segments(testLog(t))[:257], nil),
		"lone end": append(bytes.Join(segments(testLog(t))[:10], nil), 0, 1, 2, 3),
	}
	shared, _ := filepath.Glob("../../../shared/data/tlogs/*")
	for _, f := range shared {
		if data, err := os.ReadFile(f); err == nil && filepath.Ext(f) != ".md" && len(data) < 30<<20/scaleDown(10) {
			logs[filepath.Base(f)] = data
		}
	}
	for name, log := range logs {
		s := sealLog(t, log, nil)
		for _, workers := range []int{1, 3} {
			q := s.request(t, log)
			q.Workers = workers
			v := judge(t, q)
			if v.Outcome != Valid || len(v.Warnings) > 0 || len(v.Findings) > 0 {
				t.Errorf("%s: %s (%s), warnings %q", name, v.Outcome, v.Reason, v.Warnings)
			}
			if v.Note.Leaves != s.sum.Records+s.sum.Gaps || v.Covered != int64(len(log)) {
				t.Errorf("%s: %d leaves and %d bytes covered", name, v.Note.Leaves, v.Covered)
			}
		}
		q := s.request(t, log)
		if q.Index = nil; judge(t, q).Outcome != Valid {
			t.Errorf("%s: not valid without the index", name)
		}
	}
}

func TestSeveralNotes(t *testing.T) {
	t.Parallel()
	log := testLog(t)
	dirty := bytes.Join([][]byte{log[:100_000], make([]byte, 5000), log[100_000:]}, nil)
	s := sealLog(t, dirty, func(o *Options) { o.EveryRecords = 500 })
	p, err := Parse(s.seal)
	if err != nil {
		t.Fatal(err)
	}
	if want := int(s.sum.Records/500) + 1; len(p.Notes) != want || s.sum.Notes != want {
		t.Fatalf("%d notes, want %d", len(p.Notes), want)
	}
	if v := judge(t, s.request(t, dirty)); v.Outcome != Valid {
		t.Fatalf("%s: %s", v.Outcome, v.Reason)
	}
	// Cut the seal anywhere: inside a note it counts up to the one before, and is open.
	third := bytes.Index(s.seal, []byte("\n\ncqkit")) + 2
	third += bytes.Index(s.seal[third:], []byte("\n\ncqkit")) + 2
	for cut := third - 3; cut < third+9000; cut += 37 * scaleDown(6) {
		torn := s
		torn.seal = s.seal[:cut]
		q := torn.request(t, dirty)
		if v := judge(t, q); v.Outcome != Open && !(v.Outcome == Malformed && cut < third-1) {
			t.Fatalf("cut at %d: %s (%s)", cut, v.Outcome, v.Reason)
		}
	}
	// Both cut to an earlier note: open, never valid.
	torn := s
	torn.seal = s.seal[:third-1]
	end := p.Notes[1].Bytes
	for _, size := range []int64{end, end + 1, end + 10_000} {
		v := judge(t, torn.request(t, dirty[:size]))
		if v.Outcome != Open || v.Covered != end || v.Beyond != size-end {
			t.Errorf("%d bytes of %d: %s, covered %d, beyond %d", size, end, v.Outcome, v.Covered, v.Beyond)
		}
	}
	if v := judge(t, torn.request(t, dirty[:end-1])); v.Outcome != Altered {
		t.Errorf("cut before the last note's end: %s", v.Outcome)
	}
}

// TestEverySpan checks that notes also follow the records' clock.
func TestEverySpan(t *testing.T) {
	s := sealLog(t, testLog(t), func(o *Options) { o.EverySpan = 10 * time.Second })
	span := time.Duration(s.sum.Last-s.sum.First) * time.Microsecond
	if want := int(span / (10 * time.Second)); s.sum.Notes < want-1 || s.sum.Notes > want+2 {
		t.Errorf("%d notes for %v", s.sum.Notes, span)
	}
	if v := judge(t, s.request(t, s.log)); v.Outcome != Valid {
		t.Errorf("%s: %s", v.Outcome, v.Reason)
	}
}

func TestKeys(t *testing.T) {
	s := sealLog(t, testLog(t), nil)
	_, other := testKey(t, 2)
	_, right := testKey(t, 1)
	q := s.request(t, s.log)
	q.Keys = []Key{other}
	if v := judge(t, q); v.Outcome != Untrusted {
		t.Errorf("unknown key: %s", v.Outcome)
	}
	q.Keys = nil
	if v := judge(t, q); v.Outcome != Untrusted {
		t.Errorf("no key: %s", v.Outcome)
	}
	q.Keys = []Key{other, right}
	if v := judge(t, q); v.Outcome != Valid || v.Key.Fingerprint != right.Fingerprint {
		t.Errorf("several keys: %s", v.Outcome)
	}
	// A key passed off under the right fingerprint.
	q.Keys = []Key{{Public: other.Public, Fingerprint: right.Fingerprint}}
	if v := judge(t, q); v.Outcome == Valid {
		t.Error("another key under the right fingerprint is accepted")
	}
}

func TestKnown(t *testing.T) {
	s := sealLog(t, testLog(t), nil)
	q := s.request(t, s.log)
	q.Known = func(n *Note) (bool, error) { return true, nil }
	if v := judge(t, q); v.Outcome != Superseded {
		t.Errorf("got %s", v.Outcome)
	}
}

func TestForeign(t *testing.T) {
	log := testLog(t)
	s := sealLog(t, log[:100_000], nil)
	other := log[150_000:]
	if v := judge(t, s.request(t, other)); v.Outcome != Foreign {
		t.Errorf("another log: %s", v.Outcome)
	}
	q := s.request(t, other)
	q.Index = nil
	if v := judge(t, q); v.Outcome != Altered {
		t.Errorf("another log without an index: %s", v.Outcome)
	}
	if v := judge(t, s.request(t, log[:600])); v.Outcome != Altered || v.Findings[0].Kind != Truncated {
		t.Errorf("cut to less than 1 %%: %s", v.Outcome)
	}
	if v := judge(t, s.request(t, nil)); v.Outcome != Altered || v.Findings[0].Kind != Truncated {
		t.Errorf("emptied: %s", v.Outcome)
	}
}

// TestOpenWithIndex: no note before the final one names the index, so that of an open
// seal is neither missed nor used.
func TestOpenWithIndex(t *testing.T) {
	t.Parallel()
	log := testLog(t)
	s := sealLog(t, log, func(o *Options) { o.EveryRecords = 2000 })
	s.seal = s.seal[:bytes.Index(s.seal, []byte("\n\ncqkit"))+1]
	for name, want := range map[Outcome]string{Open: " bytes are not covered", Altered: ""} {
		changed := bytes.Clone(log)
		if name == Altered {
			changed[500] ^= 1
		}
		v := judge(t, s.request(t, changed))
		if v.Outcome != name || !strings.Contains(v.Reason, want) {
			t.Errorf("%s: %s, want %s", v.Outcome, v.Reason, name)
		}
		if slices.ContainsFunc(v.Warnings, func(w string) bool { return strings.Contains(w, "index") }) {
			t.Errorf("%s: warnings %q", name, v.Warnings)
		}
	}
}
