package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/merkle"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

var updateAnchors = flag.Bool("update-anchors", false, "write the test vectors of anchors")

// deterministic signs vectors that come out the same each time.
type deterministic struct{ key *pqsig.PrivateKey }

func (d deterministic) Sign(msg []byte, context string) ([]byte, error) {
	return d.key.SignDeterministic(msg, context)
}

// vectorLog is the beginning of the log that ships with the module, its records whole.
func vectorLog(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "logs", "copter.tlog"))
	if err != nil {
		t.Fatal(err)
	}
	end := 0
	for range 50 {
		end += tlog.RecordLen(data[end:])
	}
	return data[:end]
}

// vectorSeries is a series over vectorLog, 16 records a window, with a fixed origin.
func vectorSeries(t testing.TB, frames bool) (anchors []*Anchor, tags []byte) {
	t.Helper()
	s := NewAnchorSeries(FingerprintOf(newKey(t, 1).Public()), AnchorOptions{Count: 16, Span: -1, Frames: frames})
	copy(s.next.Origin[:], "the test vectors")
	err := EachRecord(bytes.NewReader(vectorLog(t)), Seeds(), func(seg *tlog.Segment) error {
		tag := TagOf(anchored(seg, frames))
		tags = append(tags, tag[:]...)
		if a := s.AddTag(tag, seg.Time()); a != nil {
			anchors = append(anchors, a)
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(anchors, s.Close()), tags
}

// always returns keys that count at any time.
func always(keys ...*pqsig.PublicKey) func(Fingerprint, int64) (*pqsig.PublicKey, error) {
	return func(f Fingerprint, _ int64) (*pqsig.PublicKey, error) { return Keys(keys...)(f), nil }
}

func signAll(t testing.TB, key Signer, anchors []*Anchor) (file []byte) {
	t.Helper()
	for _, a := range anchors {
		message, err := a.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, message...)
	}
	return file
}

// anchorVectors are the files of testdata/anchor by name: valid-, open-, untrusted- and
// malformed- ones.
func anchorVectors(t testing.TB) map[string][]byte {
	t.Helper()
	key := deterministic{newKey(t, 1)}
	series, tags := vectorSeries(t, false)
	frames, frameTags := vectorSeries(t, true)
	whole := signAll(t, key, series)
	files := map[string][]byte{
		"log.tlog": vectorLog(t), "key.pub": newKey(t, 1).Public().Bytes(),
		"log.cqtags": tags, "frames.cqtags": frameTags,
		"valid.cqtap": whole, "valid-frames.cqtap": signAll(t, key, frames),
		"open-without-the-last.cqtap":          whole[:3*AnchorSize],
		"untrusted-key.cqtap":                  signAll(t, deterministic{newKey(t, 2)}, renamed(t, series)),
		"malformed-empty.cqtap":                {},
		"malformed-cut.cqtap":                  whole[:len(whole)-1],
		"malformed-order.cqtap":                append(bytes.Clone(whole[AnchorSize:2*AnchorSize]), whole[:AnchorSize]...),
		"malformed-twice.cqtap":                append(bytes.Clone(whole[:AnchorSize]), whole[:AnchorSize]...),
		"malformed-after-the-last.cqtap":       append(bytes.Clone(whole), signAll(t, key, []*Anchor{{Signer: series[0].Signer, Origin: series[0].Origin, Last: true, Number: 5, Previous: series[3].Digest(), First: 50, Root: merkle.EmptyRoot()}})...),
		"malformed-another-kind-of-data.cqtap": append(bytes.Clone(whole[:AnchorSize]), signAll(t, key, frames[1:])...),
		"valid-without-the-second.cqtap":       append(bytes.Clone(whole[:AnchorSize]), whole[2*AnchorSize:]...),
	}
	change := func(name string, change func(a *Anchor)) {
		a := *series[1]
		change(&a)
		files["malformed-"+name+".cqtap"] = append(bytes.Clone(whole[:AnchorSize]), signAll(t, key, []*Anchor{&a})...)
	}
	change("another-origin", func(a *Anchor) { a.Origin[0]++ })
	change("another-predecessor", func(a *Anchor) { a.Previous[0]++ })
	change("gap-between-windows", func(a *Anchor) { a.First++ })
	change("number-without-room", func(a *Anchor) { a.Number += 2; a.First++ })
	statement, err := series[1].AppendStatement(nil)
	if err != nil {
		t.Fatal(err)
	}
	spell := func(name string, at int, with ...byte) {
		b := bytes.Clone(statement)
		copy(b[at:], with)
		signature, err := key.Sign(b, contextAnchor)
		if err != nil {
			t.Fatal(err)
		}
		files["malformed-"+name+".cqtap"] = append(bytes.Clone(whole[:AnchorSize]), append(b, signature...)...)
	}
	spell("version", 0, 3)
	spell("kind", 1, 1)
	spell("length", 2, 150)
	spell("signer-zero", 4, make([]byte, 32)...)
	spell("origin-zero", 36, make([]byte, 16)...)
	spell("flags", 52, 4)
	spell("number-zero", 53, 0)
	spell("predecessor-zero", 61, make([]byte, 32)...)
	spell("count-zero", 101, 0)
	spell("count-too-large", 101, 1, 0, 16, 0)
	spell("first-too-large", 93, 255, 255, 255, 255, 255, 255, 255, 255)
	spell("frames-with-times", 52, 1)
	for name, context := range map[string]string{"no-context": "", "context-of-a-command": contextCommand} {
		signature, err := key.Sign(statement, context)
		if err != nil {
			t.Fatal(err)
		}
		files["malformed-"+name+".cqtap"] = append(bytes.Clone(whole[:AnchorSize]), append(bytes.Clone(statement), signature...)...)
	}
	return files
}

// renamed returns a series that names key 2 as its signer.
func renamed(t testing.TB, series []*Anchor) []*Anchor {
	var out []*Anchor
	for _, a := range series {
		b := *a
		b.Signer = FingerprintOf(newKey(t, 2).Public())
		if len(out) > 0 {
			b.Previous = out[len(out)-1].Digest()
		}
		out = append(out, &b)
	}
	return out
}

func TestAnchorVectors(t *testing.T) {
	dir := filepath.Join("testdata", "anchor")
	files := anchorVectors(t)
	if *updateAnchors {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	stored, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(stored) != len(files) {
		t.Fatalf("%d files, want %d (go test -update-anchors writes them)", len(stored), len(files))
	}
	for _, path := range stored {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if !bytes.Equal(data, files[name]) {
			t.Errorf("%s is not what the code makes", name)
		}
		if filepath.Ext(name) != ".cqtap" {
			continue
		}
		got, err := ReadAnchors(bytes.NewReader(data), always(newKey(t, 1).Public()))
		want, _, _ := strings.Cut(strings.TrimSuffix(name, ".cqtap"), "-")
		if err != nil || string(got.Outcome) != want || (got.Reason == "") != (want == "valid") || (len(got.List) > 0) != (want == "valid" || want == "open") {
			t.Errorf("%s: got %s: %s, %d anchors, %v", name, got.Outcome, got.Reason, len(got.List), err)
		}
		if missing := uint64(strings.Count(name, "second")); got.Missing != missing {
			t.Errorf("%s: %d anchors missing, want %d", name, got.Missing, missing)
		}
	}
}

// TestAnchorKeyTime asks for keys at the time of each anchor's last record.
func TestAnchorKeyTime(t *testing.T) {
	series, _ := vectorSeries(t, false)
	key := newKey(t, 1)
	file := signAll(t, key, series)
	refused := errors.New("retired by then")
	got, err := ReadAnchors(bytes.NewReader(file), func(_ Fingerprint, us int64) (*pqsig.PublicKey, error) {
		if us >= series[2].Until {
			return nil, refused
		}
		return key.Public(), nil
	})
	if err != nil || got.Outcome != AnchorsUntrusted || got.Reason != "anchor 3: retired by then" || got.List != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAnchorBytes writes an anchor's statement down by hand, from the page.
func TestAnchorBytes(t *testing.T) {
	a := Anchor{
		Signer: Fingerprint(fill(1, 32)), Origin: Origin(fill(0x21, 16)), Last: true, Number: 0x0102, Previous: [32]byte(fill(0x31, 32)),
		First: 0x0304, Count: 0x0506, From: 0x0708, Until: -2, Root: [32]byte(fill(0x51, 32)),
	}
	want := "02069500" + hex.EncodeToString(fill(1, 32)) + hex.EncodeToString(fill(0x21, 16)) + "02" + "0201000000000000" + hex.EncodeToString(fill(0x31, 32)) +
		"0403000000000000" + "06050000" + "0807000000000000" + "feffffffffffffff" + hex.EncodeToString(fill(0x51, 32))
	got, err := a.AppendStatement(nil)
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("got  %x, %v\nwant %s", got, err, want)
	}
	message, err := a.Sign(newKey(t, 1))
	if err != nil || len(message) != AnchorSize || AnchorSize != 4780 {
		t.Fatalf("%d bytes, %v", len(message), err)
	}
	if back, err := ParseAnchor(message); err != nil || *back != a {
		t.Errorf("read back as %+v, %v", back, err)
	}
	if sum := sha256.Sum256(got); a.Digest() != sum {
		t.Errorf("digest %x", a.Digest())
	}
}

func TestAnchorMangled(t *testing.T) {
	series, _ := vectorSeries(t, false)
	message, err := series[1].Sign(newKey(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	keys := Keys(newKey(t, 1).Public())
	if _, err := VerifyAnchor(message, keys); err != nil {
		t.Fatal(err)
	}
	for i := range message {
		if i > 400 && i%37 > 0 {
			continue
		}
		if _, err := VerifyAnchor(message[:i], keys); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d: %v", i, err)
		}
		changed := bytes.Clone(message)
		changed[i] ^= 1 << (i % 8)
		if _, err := VerifyAnchor(changed, keys); err == nil {
			t.Fatalf("byte %d changed: verified", i)
		}
	}
	if _, err := VerifyAnchor(append(message, 0), keys); !errors.Is(err, ErrMalformed) {
		t.Error("a longer message verified")
	}
}

func TestAnchorWindows(t *testing.T) {
	second := int64(1_000_000)
	for _, c := range []struct {
		name  string
		o     AnchorOptions
		times []int64
		want  string // counts of the anchors
	}{
		{"by count", AnchorOptions{Count: 3, Span: -1}, []int64{1, 2, 3, 4, 5, 6, 7}, "3 3 1"},
		{"ends with a window", AnchorOptions{Count: 3, Span: -1}, []int64{1, 2, 3}, "3 0"},
		{"one by one", AnchorOptions{Count: 1}, []int64{1, 100 * second}, "1 1 0"},
		{"nothing", AnchorOptions{}, nil, "0"},
		{"by time", AnchorOptions{Span: 2 * time.Second}, []int64{0, second, 2*second - 1, 2 * second, 3 * second, 9 * second}, "3 2 1"},
		{"a time that steps back", AnchorOptions{Span: 2 * time.Second}, []int64{5 * second, second, 6 * second, 7 * second}, "3 1"},
		{"extreme times", AnchorOptions{Span: 2 * time.Second}, []int64{-1 << 63, 1<<63 - 1, -1 << 63}, "1 2"},
		{"by default", AnchorOptions{}, make([]int64, 257), "256 1"},
	} {
		for _, frames := range []bool{false, true} {
			c.o.Frames = frames
			s := NewAnchorSeries(Fingerprint{1}, c.o)
			var list []*Anchor
			for i, at := range c.times {
				if a := s.Add([]byte{byte(i)}, at); a != nil {
					list = append(list, a)
				}
			}
			list = append(list, s.Close())
			var got []string
			at := 0
			for i, a := range list {
				got = append(got, fmt.Sprint(a.Count))
				if i > 0 && a.contradicts(list[i-1]) != "" || a.check() != "" || a.Last != (i == len(list)-1) || a.Number != uint64(i+1) || a.First != uint64(at) {
					t.Errorf("%s: anchor %d is %+v: %s", c.name, i, a, a.check())
				}
				if a.Count > 0 && !frames && (a.From != c.times[at] || a.Until != c.times[at+int(a.Count)-1]) {
					t.Errorf("%s: anchor %d is from %d until %d", c.name, i, a.From, a.Until)
				}
				at += int(a.Count)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: got %v, want %s", c.name, got, c.want)
			}
		}
	}
}

// TestAnchorLog anchors real logs and judges what becomes of them.
func TestAnchorLog(t *testing.T) {
	shared, _ := filepath.Glob("../../../shared/data/tlogs/*log")
	for _, path := range append(shared, "../../testdata/logs/copter.tlog") {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > 8<<20 || testing.Short() && info.Size() > 1<<20 {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		key := newKey(t, 1)
		var anchors, tags bytes.Buffer
		sum, err := AnchorLog(bytes.NewReader(data), &anchors, &tags, Seeds(), key, FingerprintOf(key.Public()), AnchorOptions{})
		if err != nil || sum.Bytes != int64(len(data)) || tags.Len() != int(sum.Records)*32 || anchors.Len() != int(sum.Anchors)*AnchorSize {
			t.Fatalf("%s: %+v, %v", path, sum, err)
		}
		s, err := ReadAnchors(&anchors, always(key.Public()))
		if err != nil || s.Outcome != AnchorsValid || s.Total() != uint64(sum.Records) {
			t.Fatalf("%s: %s: %s, %v", path, s.Outcome, s.Reason, err)
		}
		got := compareLog(t, s, tags.Bytes(), data)
		if len(got.Differences) > 0 || got.Covered != uint64(sum.Records) {
			t.Errorf("%s: %+v", path, got)
		}
	}
}

func compareLog(t *testing.T, s *Anchors, archive, log []byte) *Compared {
	t.Helper()
	c := NewComparison(s.Windows(), MerkleCommitment, s.Total())
	for ; len(archive) > 0; archive = archive[32:] {
		c.Archived(Tag(archive))
	}
	err := EachRecord(bytes.NewReader(log), Seeds(), func(seg *tlog.Segment) error {
		if seg.Kind == tlog.Record {
			c.Presented(TagOf(anchored(seg, s.List[0].Frames)))
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Result(s.Outcome == AnchorsValid)
}

// TestComparison edits sequences at random. A window is intact iff a plain search finds its
// tags in the edited sequence where the differences say, and what was edited is different.
func TestComparison(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	for range rounds {
		n := r.IntN(400)
		sealed := make([]Tag, n)
		for i := range sealed {
			sealed[i] = TagOf(fmt.Appendf(nil, "%d", i))
		}
		var windows []Window
		for at := 0; at < n; {
			k := min(1+r.IntN(60), n-at)
			windows = append(windows, Window{uint64(at), uint64(k), MerkleCommitment(sealed[at : at+k])})
			at += k
		}
		now := append([]Tag(nil), sealed...)
		edits := r.IntN(4)
		for range edits {
			at := r.IntN(len(now) + 1)
			fresh := TagOf(fmt.Appendf(nil, "new %d", r.Uint64()))
			switch r.IntN(3) {
			case 0:
				now = append(now[:at:at], append([]Tag{fresh}, now[at:]...)...)
			case 1:
				if at < len(now) {
					now = append(now[:at:at], now[at+1:]...)
				}
			case 2:
				if at < len(now) {
					now[at] = fresh
				}
			}
		}
		archived, closed := r.IntN(2) == 0, r.IntN(2) == 0
		c := NewComparison(windows, MerkleCommitment, uint64(n))
		for _, tag := range sealed {
			if archived {
				c.Archived(tag)
			}
		}
		for _, tag := range now {
			c.Presented(tag)
		}
		got := c.Result(closed)
		whole := len(sealed) == len(now)
		for i := range sealed {
			whole = whole && sealed[i] == now[i]
		}
		if whole != (len(got.Differences) == 0) && !(len(now) > n && !closed) {
			t.Fatalf("whole %v, differences %+v", whole, got.Differences)
		}
		covered := uint64(0)
		for i, w := range windows {
			found := false
			for at := 0; at+int(w.Count) <= len(now); at++ {
				same := archived || at == int(w.First)
				for j := 0; same && j < int(w.Count); j++ {
					same = now[at+j] == sealed[int(w.First)+j]
				}
				found = found || same
			}
			if got.Intact[i] != found {
				t.Fatalf("window %d of %v: intact %v, found %v; archive %v; %+v", i, windows, got.Intact[i], found, archived, got.Differences)
			}
			if found {
				covered += w.Count
			}
		}
		if got.Covered != covered || got.Presented != uint64(len(now)) {
			t.Fatalf("covered %d of %d, want %d of %d", got.Covered, got.Presented, covered, len(now))
		}
		var change int
		for _, d := range got.Differences {
			change += int(d.CountNow) - int(d.Count)
			if archived && d.Within {
				t.Fatalf("%+v with an archive", d)
			}
		}
		if got.Beyond > 0 && !closed {
			change += int(got.Beyond)
		}
		if change != len(now)-n {
			t.Fatalf("differences %+v come to %d records, not %d", got.Differences, change, len(now)-n)
		}
	}
}

// TestComparisonDoubts has archives that are edited or cut, and totals that nobody has.
func TestComparisonDoubts(t *testing.T) {
	sealed := make([]Tag, 100)
	for i := range sealed {
		sealed[i] = TagOf([]byte{byte(i)})
	}
	windows := []Window{{0, 50, MerkleCommitment(sealed[:50])}, {50, 50, MerkleCommitment(sealed[50:])}}
	forged := append([]Tag(nil), sealed...)
	forged[60] = TagOf([]byte("forged"))
	compare := func(archive, now []Tag, windows []Window, total uint64) *Compared {
		c := NewComparison(windows, MerkleCommitment, total)
		for _, tag := range archive {
			c.Archived(tag)
		}
		for _, tag := range now {
			c.Presented(tag)
		}
		return c.Result(true)
	}
	// an edited archive beside a log that is whole
	if got := compare(forged, sealed, windows, 100); len(got.Differences) > 0 || got.Covered != 100 || got.ArchiveOK[1] || !got.ArchiveOK[0] {
		t.Errorf("edited archive: %+v", got)
	}
	// both edited alike: the window says so
	if got := compare(forged, forged, windows, 100); len(got.Differences) != 1 || !got.Differences[0].Within || got.Covered != 50 {
		t.Errorf("both edited: %+v", got)
	}
	// the end is missing, and the archive's, too
	if got := compare(sealed[:70], sealed[:70], windows, 100); len(got.Differences) != 1 || got.Differences[0] != (Difference{"truncated", 70, -1, 30, 0, false}) || got.Covered != 50 {
		t.Errorf("cut off: %+v", got)
	}
	// a total beyond all memory
	huge := append(windows[:2:2], Window{1 << 62, 1 << 20, [32]byte{}})
	got := compare(sealed, sealed, huge, 1<<62+1<<20)
	if len(got.Differences) != 1 || got.Differences[0].Kind != "truncated" || got.Differences[0].Count != 1<<62+1<<20-100 || got.Covered != 100 {
		t.Errorf("huge: %+v", got)
	}
	// a window between without anchor: the archive is taken at its word, and covers nothing
	if got := compare(sealed, forged, windows[:1], 100); len(got.Differences) != 1 || got.Differences[0].Anchored != 60 || got.Covered != 50 {
		t.Errorf("uncovered: %+v", got)
	}
}

func FuzzParseAnchor(f *testing.F) {
	series, _ := vectorSeries(f, false)
	f.Add(signAll(f, newKey(f, 1), series[:1]))
	f.Add(signAll(f, newKey(f, 1), series[3:]))
	f.Fuzz(func(t *testing.T, message []byte) {
		a, err := ParseAnchor(message)
		if err != nil {
			return
		}
		again, err := a.AppendStatement(nil)
		if err != nil || !bytes.Equal(again, message[:len(message)-SignatureSize]) {
			t.Errorf("%x was read and written back as %x, %v", message[:len(message)-SignatureSize], again, err)
		}
	})
}
