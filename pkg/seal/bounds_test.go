package seal

import (
	"bytes"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// allocated returns how many bytes f allocates, those freed again included.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostileSize checks that large seals cost memory in proportion only.
func TestHostileSize(t *testing.T) {
	w := newWorkshop(t, smallLog(t))
	size := 8 << 20 / scaleDown(4)
	many := func(line string) string { return strings.Repeat(line, size/len(line)) }
	gaps := strings.Index(w.text, "gap ")
	for name, seal := range map[string]string{
		"gaps":              w.text[:gaps] + many("gap 1 1 1\n"),
		"gaps, whole":       strings.Replace(string(w.one), "gap ", many("gap 1 1 1\n")+"gap ", 1),
		"line without end":  many("a"),
		"empty lines":       many("\n"),
		"tiles":             string(w.one[:notesOf(w.one)]) + tilesBegin + "\n" + many(strings.Repeat("A", 64)+"\n") + tilesEnd + "\n",
		"tiles begun":       string(w.one[:notesOf(w.one)]) + many(tilesBegin+"\n"),
		"tiles ended":       string(w.one[:notesOf(w.one)]) + many(tilesEnd+"\n"),
		"tiles with header": string(w.one[:notesOf(w.one)]) + tilesBegin + "\n" + many("a: b\n") + tilesEnd + "\n",
		"notes":             many(string(w.several[0]) + "\n"),
		"signature lines":   string(w.one[:notesOf(w.one)]) + many(sigPrefix+"a AAAA\n"),
	} {
		var err error
		n := allocated(func() { _, err = Parse([]byte(seal)) })
		if n > uint64(16*size) {
			t.Errorf("%s: %d MiB for %d MiB", name, n>>20, len(seal)>>20)
		}
		if !strings.HasPrefix(name, "tiles") && err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Parse(make([]byte, MaxSealBytes+1)); err == nil || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("a seal over the limit: %v", err)
	}
}

// TestHostileCounts checks that numbers in a seal that is properly signed are not
// believed.
func TestHostileCounts(t *testing.T) {
	w := newWorkshop(t, smallLog(t))
	s := sealLog(t, smallLog(t), nil)
	extent := regexp.MustCompile(`(?s)\A([^\n]*\n)\d+(\n[^\n]*\n)bytes \d+(\nspan [^\n]*\n).*\nkey`)
	for name, counts := range map[string][2]string{
		"2^58 leaves": {"288230376151711744", "9223372036854775807"},
		"2^40 leaves": {"1099511627776", "109951162777600"},
		"2^20 leaves": {"1048576", "104857600"},
	} {
		text := extent.ReplaceAllString(w.text, "${1}"+counts[0]+"${2}bytes "+counts[1]+"${3}key")
		if text == w.text {
			t.Fatal("nothing replaced")
		}
		q := s.request(t, s.log)
		q.Seal = []byte(signed(t, w.key, "pilot-7", signContext, text) + w.tiles)
		for _, index := range []bool{true, false} {
			if !index {
				q.Index = nil
			}
			n := allocated(func() {
				if v := judge(t, q); v.Outcome != Altered || len(v.Findings) == 0 {
					t.Errorf("%s: %s (%s)", name, v.Outcome, v.Reason)
				}
			})
			if n > 16<<20 {
				t.Errorf("%s: %d MiB", name, n>>20)
			}
		}
	}
	key, _ := testKey(t, 1)
	o := testOptions()
	o.Signer = "pilot-7"
	n := allocated(func() {
		_, _, err := Sign(bytes.NewReader(s.log), seeds, key, o)
		if err != nil {
			t.Error(err)
		}
	})
	if n > 16<<20 {
		t.Errorf("sealing %d bytes allocates %d MiB", len(s.log), n>>20)
	}
}

// TestManyGaps seals a log with so many gaps that its note has megabytes.
func TestManyGaps(t *testing.T) {
	rec := segments(testLog(t))[0]
	log := bytes.Repeat(append(bytes.Clone(rec), '?'), scale(60_000))
	s := sealLog(t, log, nil)
	if s.sum.Gaps != uint64(scale(60_000)) {
		t.Fatalf("%d gaps", s.sum.Gaps)
	}
	if v := judge(t, s.request(t, log)); v.Outcome != Valid {
		t.Errorf("%s (%s)", v.Outcome, v.Reason)
	}
	log[len(log)/2] ^= 1
	q := s.request(t, log)
	v := judge(t, q)
	if v.Outcome != Altered || len(v.Findings) != 1 {
		t.Errorf("%s, %d findings", v.Outcome, len(v.Findings))
	}
}
