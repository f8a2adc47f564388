package seal

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cqkit/pkg/pqsig"
)

// signed signs any text as a note, however malformed, in the given name.
func signed(t testing.TB, key SigningKey, name, context, text string) string {
	t.Helper()
	sig, err := key.Private.Sign([]byte(text), context)
	if err != nil {
		t.Fatal(err)
	}
	raw := binary.BigEndian.AppendUint32(nil, KeyHash(name, key.Private.Public().Bytes()))
	return text + "\n" + sigPrefix + name + " " + base64.StdEncoding.EncodeToString(append(raw, sig...)) + "\n"
}

// tampering is one way to make a bad seal of a good one.
type tampering struct {
	name   string
	make   func(t testing.TB, w *workshop) []byte
	want   Outcome
	reason string // part of it
}

// workshop is what seals are tampered with.
type workshop struct {
	key, other SigningKey
	text       string // of a good seal's only note
	tiles      string
	one        []byte   // the good seal
	several    [][]byte // the notes of a seal of the same log with three
	severalEnd []byte   // its tiles
	foreign    [][]byte // the notes of a seal of another log with three
	foreignOne []byte
}

// newWorkshop seals log, with three gaps and enough records, in several ways.
func newWorkshop(t testing.TB, log []byte) *workshop {
	w := new(workshop)
	w.key, _ = testKey(t, 1)
	w.other, _ = testKey(t, 2)
	w.one = sealLog(t, log, nil).seal
	text, _, _ := strings.Cut(string(w.one), "\n\n")
	w.text, w.tiles = text+"\n", string(w.one[notesOf(w.one):])
	split := func(s sealed) [][]byte {
		var notes [][]byte
		for _, n := range pageNotes(string(s.seal)) {
			notes = append(notes, []byte(n))
		}
		return notes
	}
	three := func(o *Options) { o.EveryRecords = 12 }
	s := sealLog(t, log, three)
	w.several, w.severalEnd = split(s), s.seal[notesOf(s.seal):]
	other := sealLog(t, log[6:], three)
	w.foreign, w.foreignOne = split(other), sealLog(t, log[6:], nil).seal
	return w
}

// edit returns the good seal with its text changed and signed again.
func (w *workshop) edit(t testing.TB, pattern, with string) []byte {
	t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	if !re.MatchString(w.text) {
		t.Fatalf("%q is not in the note", pattern)
	}
	name := "pilot-7"
	text := re.ReplaceAllString(w.text, with)
	return []byte(signed(t, w.key, name, signContext, text) + w.tiles)
}

func notesJoined(notes ...[]byte) []byte { return bytes.Join(notes, []byte("\n")) }

// edits of the text of the small log's seal, signed again with the right key, so that
// only the parser can refuse them.
var edits = []struct{ name, pattern, with, reason string }{
	{"version", `^cqkit/flight-log/v1`, "cqkit/flight-log/v2", "version"},
	{"id-upper-case", `^cqkit/flight-log/v1/.{32}`, "cqkit/flight-log/v1/ABCDEF00000000000000000000000000", "id"},
	{"id-short", `^(cqkit/flight-log/v1/.{30})..`, "$1", "id"},
	{"leaves-leading-zero", `\A(.*\n)(\d+)\n`, "${1}0$2\n", "leaves"},
	{"leaves-sign", `\A(.*\n)(\d+)\n`, "${1}+$2\n", "leaves"},
	{"leaves-huge", `\A(.*\n)(\d+)\n`, "${1}9223372036854775808\n", "leaves"},
	{"leaves-more-than-bytes", `\A(.*\n)(\d+)\n`, "${1}1152921504606846976\n", "do not fit"},
	{"leaves-one-more", `\A(.*\n)33\n`, "${1}34\n", ""},
	{"root-unpadded", `=\nbytes`, "\nbytes", "root"},
	{"root-loose-bits", `.=\nbytes`, "/=\nbytes", "root"},
	{"root-url-alphabet", `\A(.*\n.*\n).(.*)\n`, "${1}_$2\n", "root"},
	{"bytes-fraction", `^bytes (\d+)`, "bytes $1.0", "bytes"},
	{"bytes-negative", `^bytes (\d+)`, "bytes -$1", "bytes"},
	{"bytes-missing", `^bytes .*\n`, "", "bytes"},
	{"span-none", `^span .*`, "span - -", "span"},
	{"span-one", `^span (\d+) .*`, "span $1", "span"},
	{"span-three", `^span (.*)`, "span $1 1", "span"},
	{"span-other-times", `^span (\d+) (\d+)`, "span $1 1", "times"},
	{"gap-unsorted", `^(gap 0 .*\n)(gap .*\n)`, "$2$1", "order"},
	{"gap-twice", `^(gap 0 .*\n)`, "$1$1", ""},
	{"gap-overlapping", `^(gap 0) 6 0`, "$1 900 0", "order"},
	{"gap-empty", `^(gap 0) 6 0`, "$1 0 0", "empty"},
	{"gap-touching", `^gap 0 6 0`, "gap 0 3 0\ngap 3 3 1", "touch"},
	{"gap-outside", `^(gap \d+) 2 (\d+)`, "$1 3 $2", "outside"},
	{"gap-overflow", `^(gap \d+) 2 (\d+)`, "$1 9223372036854775807 $2", "outside"},
	{"gap-wrong-leaf", `^(gap \d+ 300) 21`, "$1 2", "fit"},
	{"gap-leaf-too-late", `^(gap \d+ 2) 32`, "$1 33", ""},
	{"gap-missing", `^gap \d+ 300 21\n`, "", "differs"},
	{"gap-two-numbers", `^gap 0 6 0`, "gap 0 6", "gap"},
	{"gap-two-spaces", `^gap 0 6 0`, "gap 0  6 0", "gap"},
	{"gap-leading-zero", `^gap 0 6 0`, "gap 0 06 0", "gap"},
	{"key-padded", `^(key .*)`, "$1=", "key"},
	{"key-other-hash", `^key SHA256`, "key SHA1", "key"},
	{"key-missing", `^key .*\n`, "", "key"},
	{"signer-other", `^signer .*`, "signer pilot-8", "pilot-8"},
	{"signer-empty", `^signer .*`, "signer ", "empty"},
	{"signer-space", `^signer .*`, "signer pilot 7", "pilot 7"},
	{"signer-invisible", `^signer .*`, "signer pilot\u200b-7", "invisible"},
	{"signer-right-to-left", `^signer .*`, "signer \u202epilot-7", "invisible"},
	{"signer-long", `^signer .*`, "signer " + strings.Repeat("a", 129), "129"},
	{"index-short", `^index .*`, "index AAAA", "index"},
	{"index-empty", `^index .*`, "index ", "index"},
	{"nonce-zero", `^nonce .*`, "nonce 0", "nonce"},
	{"nonce-hex", `^nonce .*`, "nonce 0x1", "nonce"},
	{"time-offset", `^time (.*)Z`, "time $1+00:00", "time"},
	{"time-fraction", `^time (.*)Z`, "time $1.5Z", "time"},
	{"time-impossible", `^time ....-..-..`, "time 2025-02-30", "time"},
	{"time-leap", `^time .*`, "time 2016-12-31T23:59:60Z", "time"},
	{"prev-of-nothing", `^prev -`, "prev " + base64.StdEncoding.EncodeToString(make([]byte, 32)), "missing"},
	{"final-twice", `^final\n`, "final\nfinal\n", "name"},
	{"final-with-more", `^final`, "final yes", "name"},
	{"final-missing-ends-in-gap", `^final\n`, "", "gap"},
	{"name-unquoted", `^name .*`, "name test.tlog", "name"},
	{"name-escaped-slash", `^name .*`, `name "a\/b"`, "name"},
	{"name-short-escape", `^name .*`, `name "a\nb"`, "name"},
	{"name-upper-case-escape", `^name .*`, `name "a\u001Fb"`, "name"},
	{"name-needless-escape", `^name .*`, `name "a\u0041b"`, "name"},
	{"name-surrogate", `^name .*`, `name "a\ud800b"`, "name"},
	{"name-bare-quote", `^name .*`, `name "a"b"`, "name"},
	{"name-open", `^name .*`, `name "a\"`, "name"},
	{"name-long", `^name .*`, `name "` + strings.Repeat("a", 1025) + `"`, "name"},
	{"name-missing", `^name .*\n`, "", "name"},
	{"line-after-name", `\z`, "size 5\n", "empty line"},
	{"line-unknown", `^nonce`, "size 5\nnonce", "nonce"},
	{"line-order", `^(nonce .*\n)(time .*\n)`, "$2$1", "nonce"},
	{"line-twice", `^(nonce .*\n)`, "$1$1", "time"},
	{"line-trailing-space", `^(nonce .*)\n`, "$1 \n", "nonce"},
	{"line-long", `^name .*`, "name \"" + strings.Repeat("a", 17<<10) + "\"", "longer"},
	{"control-character", `^name .*`, "name \"a\tb\"", "control"},
	{"not-utf8", `^name .*`, "name \"a\xffb\"", "UTF-8"},
}

// tamperings are what is done to whole seals.
var tamperings = []tampering{
	{"crlf", func(_ testing.TB, w *workshop) []byte { return bytes.ReplaceAll(w.one, []byte("\n"), []byte("\r\n")) }, Malformed, "control"},
	{"byte-order-mark", func(_ testing.TB, w *workshop) []byte { return append([]byte("\ufeff"), w.one...) }, Malformed, "not a seal"},
	{"utf16", func(_ testing.TB, w *workshop) []byte {
		return bytes.ReplaceAll(w.one, []byte("c"), []byte("c\x00"))
	}, Malformed, ""},
	{"leading-empty-line", func(_ testing.TB, w *workshop) []byte { return append([]byte("\n"), w.one...) }, Malformed, "not a seal"},
	{"trailing-empty-line", func(_ testing.TB, w *workshop) []byte { return append(w.one[:notesOf(w.one):notesOf(w.one)], '\n') }, Malformed, "follows"},
	{"trailing-text", func(_ testing.TB, w *workshop) []byte {
		return append(w.one[:notesOf(w.one):notesOf(w.one)], "more\n"...)
	}, Malformed, "follows"},
	{"trailing-space", func(_ testing.TB, w *workshop) []byte { return append(w.one[:notesOf(w.one):notesOf(w.one)], ' ') }, Malformed, "follows"},
	{"empty-file", func(testing.TB, *workshop) []byte { return nil }, Malformed, "ends inside"},
	{"other-text", func(testing.TB, *workshop) []byte { return []byte("hello\n") }, Malformed, "not a seal"},
	{"no-signature", func(_ testing.TB, w *workshop) []byte { return []byte(w.text) }, Malformed, "ends inside"},
	{"signature-twice", func(_ testing.TB, w *workshop) []byte {
		end := notesOf(w.one)
		line := w.one[len(w.text)+1 : end]
		return slices.Concat(w.one[:end], line, w.one[end:])
	}, Malformed, "follows"},
	{"signature-by-another-too", func(t testing.TB, w *workshop) []byte {
		end := notesOf(w.one)
		line := signed(t, w.other, "pilot-7", signContext, w.text)[len(w.text)+1:]
		return slices.Concat(w.one[:end], []byte(line), w.one[end:])
	}, Malformed, "follows"},
	{"signature-of-a-witness-first", func(t testing.TB, w *workshop) []byte {
		line := signed(t, w.other, "witness", signContext, w.text)[len(w.text)+1:]
		return slices.Concat([]byte(w.text+"\n"+line), w.one[len(w.text)+1:])
	}, Malformed, "in the name of"},
	{"signature-by-another-key", func(t testing.TB, w *workshop) []byte {
		return []byte(signed(t, w.other, "pilot-7", signContext, w.text) + w.tiles)
	}, Malformed, "does not hold"},
	{"signature-under-another-context", func(t testing.TB, w *workshop) []byte {
		return []byte(signed(t, w.key, "pilot-7", "cqkit/flight-log/v2", w.text) + w.tiles)
	}, Malformed, "does not hold"},
	{"signature-under-no-context", func(t testing.TB, w *workshop) []byte {
		return []byte(signed(t, w.key, "pilot-7", "", w.text) + w.tiles)
	}, Malformed, "does not hold"},
	{"signature-of-another-text", func(t testing.TB, w *workshop) []byte {
		other := signed(t, w.key, "pilot-7", signContext, w.text+"x")
		return []byte(w.text + other[len(w.text)+1:] + w.tiles)
	}, Malformed, "does not hold"},
	{"signature-of-the-hash", func(t testing.TB, w *workshop) []byte {
		sum := sha512.Sum512([]byte(w.text))
		sig, err := w.key.Private.Sign(sum[:], signContext)
		if err != nil {
			t.Fatal(err)
		}
		raw := binary.BigEndian.AppendUint32(nil, KeyHash("pilot-7", w.key.Private.Public().Bytes()))
		return []byte(w.text + "\n" + sigPrefix + "pilot-7 " + base64.StdEncoding.EncodeToString(append(raw, sig...)) + "\n" + w.tiles)
	}, Malformed, "does not hold"},
	{"signature-zero", func(_ testing.TB, w *workshop) []byte {
		raw := binary.BigEndian.AppendUint32(nil, KeyHash("pilot-7", w.key.Private.Public().Bytes()))
		raw = append(raw, make([]byte, signatureSize)...)
		return []byte(w.text + "\n" + sigPrefix + "pilot-7 " + base64.StdEncoding.EncodeToString(raw) + "\n")
	}, Malformed, "does not hold"},
	{"signature-short", func(_ testing.TB, w *workshop) []byte {
		return []byte(w.text + "\n" + sigPrefix + "pilot-7 " + base64.StdEncoding.EncodeToString(make([]byte, 68)) + "\n")
	}, Malformed, "signature is not"},
	{"signature-of-another-name", func(_ testing.TB, w *workshop) []byte {
		return bytes.Replace(w.one, []byte(sigPrefix+"pilot-7 "), []byte(sigPrefix+"pilot-8 "), 1)
	}, Malformed, "in the name of"},
	{"signer-renamed", func(_ testing.TB, w *workshop) []byte {
		return bytes.ReplaceAll(w.one, []byte("pilot-7"), []byte("pilot-8"))
	}, Malformed, "does not hold"},
	{"key-hash-of-another-name", func(t testing.TB, w *workshop) []byte {
		note := signed(t, w.key, "pilot-8", signContext, w.text)
		return []byte(strings.Replace(note, sigPrefix+"pilot-8 ", sigPrefix+"pilot-7 ", 1) + w.tiles)
	}, Malformed, "does not hold"},
	{"signed-by-another", func(t testing.TB, w *workshop) []byte {
		text := strings.Replace(w.text, w.key.Fingerprint, w.other.Fingerprint, 1)
		return []byte(signed(t, w.other, "pilot-7", signContext, text) + w.tiles)
	}, Untrusted, "not among"},
	{"key-line-of-another", func(t testing.TB, w *workshop) []byte {
		return []byte(strings.Replace(string(w.one), w.key.Fingerprint, w.other.Fingerprint, 1))
	}, Untrusted, "not among"},
	{"joined-seals", func(_ testing.TB, w *workshop) []byte { return slices.Concat(w.one, w.foreignOne) }, Malformed, "follows"},
	{"joined-seals-empty-line", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.one, w.foreignOne) }, Malformed, "follows"},
	{"joined-notes", func(_ testing.TB, w *workshop) []byte {
		return notesJoined(w.one[:notesOf(w.one)], w.foreignOne)
	}, Malformed, "follows"},
	{"same-seal-twice", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.one[:notesOf(w.one)], w.one) }, Malformed, "follows"},
	{"note-of-another-log", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[0], w.foreign[1], w.several[2]) }, Malformed, "another log"},
	{"last-note-of-another-log", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[0], w.several[1], w.foreign[2]) }, Malformed, "another log"},
	{"torn-note-of-another-log", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[0], w.foreign[1][:200]) }, Malformed, "ends inside"},
	{"notes-reordered", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[1], w.several[0], w.several[2]) }, Malformed, "missing"},
	{"last-notes-reordered", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[0], w.several[2], w.several[1]) }, Malformed, "follow"},
	{"first-note-missing", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[1:]...) }, Malformed, "missing"},
	{"middle-note-missing", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[0], w.several[2]) }, Malformed, "does not follow"},
	{"note-twice", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[0], w.several[0], w.several[1]) }, Malformed, "does not follow"},
	{"notes-without-empty-line", func(_ testing.TB, w *workshop) []byte { return slices.Concat(w.several...) }, Malformed, "follows"},
	{"notes-two-empty-lines", func(_ testing.TB, w *workshop) []byte { return bytes.Join(w.several, []byte("\n\n")) }, Malformed, "not a seal"},
	{"junk-between-notes", func(_ testing.TB, w *workshop) []byte {
		return notesJoined(w.several[0], []byte("junk\n"), w.several[1])
	}, Malformed, "not a seal"},
	{"junk-after-notes", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[0], []byte("junk")) }, Malformed, "ends inside"},
	{"a-note-signed-by-another", func(t testing.TB, w *workshop) []byte {
		text, _, _ := strings.Cut(string(w.several[1]), "\n\n")
		return notesJoined(w.several[0], []byte(signed(t, w.other, "pilot-7", signContext, text+"\n")), w.several[2])
	}, Malformed, "note 2: the signature does not hold"},
	{"a-note-by-another-signer", func(t testing.TB, w *workshop) []byte {
		text, _, _ := strings.Cut(string(w.several[1]), "\n\n")
		return notesJoined(w.several[0], []byte(signed(t, w.key, "pilot-8", signContext, strings.Replace(text, "pilot-7", "pilot-8", 1)+"\n")))
	}, Malformed, "another signer"},
	{"last-note-only", func(_ testing.TB, w *workshop) []byte { return append(bytes.Clone(w.several[2]), w.severalEnd...) }, Malformed, "missing"},
	{"without-last-note", func(_ testing.TB, w *workshop) []byte { return notesJoined(w.several[:2]...) }, Open, "no final note"},
	{"without-last-note-empty-line", func(_ testing.TB, w *workshop) []byte { return append(notesJoined(w.several[:2]...), '\n') }, Open, "no final note"},
	{"torn-last-note", func(_ testing.TB, w *workshop) []byte {
		return notesJoined(w.several[0], w.several[1], w.several[2][:400])
	}, Open, "no final note"},
}

// edits of the second note of several, signed again.
var laterEdits = []struct{ name, pattern, with, reason string }{
	{"fewer-leaves", `\A(.*\n)\d+\n`, "${1}3\n", "less"},
	{"fewer-bytes", `^bytes .*`, "bytes 20", ""},
	{"nonce-not-risen", `^nonce .*`, "nonce 1", "nonce"},
	{"other-id", `^cqkit/flight-log/v1/.{32}`, "cqkit/flight-log/v1/00000000000000000000000000000000", "another log"},
	{"no-prev", `^prev .*`, "prev -", "does not follow"},
	{"other-prev", `^prev ..........`, "prev AAAAAAAAAA", "does not follow"},
	{"other-key", `^key SHA256:....`, "key SHA256:AAAA", "another signer"},
	{"gap-of-the-first-note", `^(span .*\n)`, "${1}gap 0 6 0\n", "order"},
}

// eachTampering calls f for every bad seal of the small log.
func eachTampering(t testing.TB, f func(name string, seal []byte, want Outcome, reason string)) {
	w := newWorkshop(t, smallLog(t))
	for _, c := range tamperings {
		f(c.name, c.make(t, w), c.want, c.reason)
	}
	for _, c := range edits {
		want := Malformed
		if c.name == "gap-missing" { // it keeps the rules, and is about another log
			want = Altered
		}
		f("signed-"+c.name, w.edit(t, c.pattern, c.with), want, c.reason)
	}
	for _, c := range laterEdits {
		text, _, _ := strings.Cut(string(w.several[1]), "\n\n")
		with := regexp.MustCompile("(?m)"+c.pattern).ReplaceAllString(text+"\n", c.with)
		if with == text+"\n" {
			t.Fatalf("%s changes nothing", c.name)
		}
		note := signed(t, w.key, "pilot-7", signContext, with)
		f("signed-later-"+c.name, notesJoined(w.several[0], []byte(note)), Malformed, c.reason)
	}
	text, _, _ := strings.Cut(string(w.several[0]), "\n\n")
	early := strings.Replace(text, "index -", "index "+base64.StdEncoding.EncodeToString(make([]byte, 32)), 1)
	first := signed(t, w.key, "pilot-7", signContext, early+"\n")
	digest := (&Note{text: []byte(early + "\n")}).Digest()
	text, _, _ = strings.Cut(string(w.several[1]), "\n\n")
	text = regexp.MustCompile("(?m)^prev .*").ReplaceAllString(text, "prev "+base64.StdEncoding.EncodeToString(digest[:]))
	f("signed-index-on-an-early-note", notesJoined([]byte(first), []byte(signed(t, w.key, "pilot-7", signContext, text+"\n"))), Malformed, "index")
}

// TestRefused checks that each bad seal is refused for the right reason.
func TestRefused(t *testing.T) {
	s := sealLog(t, smallLog(t), nil)
	eachTampering(t, func(name string, seal []byte, want Outcome, reason string) {
		q := s.request(t, s.log)
		q.Index = nil
		q.Seal = seal
		if v := judge(t, q); v.Outcome != want || !strings.Contains(v.Reason, reason) {
			t.Errorf("%s: %s (%s), want %s (%s)", name, v.Outcome, v.Reason, want, reason)
		}
	})
}

// TestForeignTiles checks that another seal's tiles are of no consequence.
func TestForeignTiles(t *testing.T) {
	a := sealLog(t, testLog(t), nil)
	b := sealLog(t, testLog(t)[:200_000], nil)
	q := a.request(t, a.log)
	q.Seal = append(b.seal[:notesOf(b.seal):notesOf(b.seal)], a.seal[notesOf(a.seal):]...)
	if v := judge(t, q); v.Outcome != Altered {
		t.Errorf("the note of a shorter log: %s (%s)", v.Outcome, v.Reason)
	}
	q.Seal = append(a.seal[:notesOf(a.seal):notesOf(a.seal)], b.seal[notesOf(b.seal):]...)
	if v := judge(t, q); v.Outcome != Valid || len(v.Warnings) != 1 {
		t.Errorf("the tiles of a shorter log: %s (%s)", v.Outcome, v.Reason)
	}
}

// TestOtherAlgorithms checks that keys of other kinds neither sign nor verify.
func TestOtherAlgorithms(t *testing.T) {
	s := sealLog(t, smallLog(t), nil)
	slh, err := pqsig.NewPrivateKey(pqsig.SLHDSASHA2256s, bytes.Repeat([]byte{1}, 96))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Sign(bytes.NewReader(s.log), seeds, SigningKey{slh, "SHA256:x"}, testOptions()); err == nil {
		t.Error("an SLH-DSA key seals")
	}
	q := s.request(t, s.log)
	q.Keys[0].Public = slh.Public()
	if v := judge(t, q); v.Outcome != Malformed {
		t.Errorf("an SLH-DSA key under the fingerprint: %s", v.Outcome)
	}
}

func TestSignerNames(t *testing.T) {
	for _, name := range []string{"", "a b", "a+b", "a\tb", "a\u00a0b", "a\u200bb", "a\u202eb", "\xff", strings.Repeat("é", 65), "a\x7f"} {
		o := testOptions()
		o.Signer = name
		key, _ := testKey(t, 1)
		if _, _, err := Sign(bytes.NewReader(nil), seeds, key, o); err == nil {
			t.Errorf("%q can seal", name)
		}
	}
	for _, name := range []string{"a", "pilot-7", "Zoë", "飞手", strings.Repeat("é", 64), "—"} {
		s := sealLog(t, nil, func(o *Options) { o.Signer = name })
		if v := judge(t, s.request(t, nil)); v.Outcome != Valid || v.Note.Signer != name {
			t.Errorf("%q: %s (%s)", name, v.Outcome, v.Reason)
		}
	}
}

func TestFileNames(t *testing.T) {
	for _, name := range []string{"", "a", `C:\logs\"x".tlog`, "a\nb\x00\x1f", "\xff\xfe", "é/\u2028", strings.Repeat("é", 600), strings.Repeat("\x01", 1024)} {
		s := sealLog(t, nil, func(o *Options) { o.Name = name })
		v := judge(t, s.request(t, nil))
		if v.Outcome != Valid || v.Note.Name != FileName(name) {
			t.Errorf("%q: %s (%s), name %q", name, v.Outcome, v.Reason, v.Note.Name)
		}
	}
}
