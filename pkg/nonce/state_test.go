package nonce

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	at := func(size, nonce uint64, text string) Mark {
		return Mark{Size: size, Nonce: nonce, Digest: sha256.Sum256([]byte(text))}
	}
	old := at(100, 50, "old")
	for _, tt := range []struct {
		name string
		m    Mark
		want Outcome
	}{
		{"the same note", old, Same},
		{"a longer log, later", at(120, 60, "new"), Newer},
		{"as long, later", at(100, 51, "new"), Newer},
		{"a shorter log, earlier", at(80, 40, "before"), Older},
		{"as long, earlier", at(100, 49, "before"), Older},
		{"another text under the nonce", at(100, 50, "other"), Conflict},
		{"another size under the nonce", at(101, 50, "old"), Conflict},
		{"smaller size under the nonce", at(99, 50, "old"), Conflict},
		{"longer yet earlier", at(120, 40, "odd"), Conflict},
		{"shorter yet later", at(80, 60, "odd"), Conflict},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Compare(old, tt.m); got != tt.want {
				t.Errorf("Compare = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestOutcomeNames(t *testing.T) {
	var names []string
	for o := First; o <= Conflict; o++ {
		names = append(names, o.String())
	}
	if got := strings.Join(names, " "); got != "first same newer older conflict" {
		t.Error(got)
	}
	if got := Outcome(9).String(); got != "outcome(9)" {
		t.Error(got)
	}
}

func TestStateOffer(t *testing.T) {
	var s State
	a, b := ID{"SHA256:k", "log-a"}, ID{"SHA256:k", "log-b"}
	offer := func(id ID, size, nonce uint64, want Outcome) {
		t.Helper()
		if got, err := s.Offer(id, Mark{Size: size, Nonce: nonce}); err != nil || got != want {
			t.Errorf("Offer(%v, %d, %d) = %v, %v, want %v", id, size, nonce, got, err, want)
		}
	}
	if _, ok := s.HighestNonce("SHA256:k"); ok {
		t.Error("an empty state knows a nonce")
	}
	offer(a, 10, 5, First)
	offer(a, 10, 5, Same)
	offer(a, 12, 6, Newer)
	offer(a, 10, 5, Older)
	offer(a, 12, 9, Newer)
	offer(a, 5, 10, Conflict)
	offer(b, 3, 4, First)
	if m, ok := s.Get(a); !ok || m != (Mark{Size: 12, Nonce: 9}) {
		t.Errorf("Get(a) = %v, %v", m, ok)
	}
	if n, ok := s.HighestNonce("SHA256:k"); !ok || n != 9 {
		t.Errorf("HighestNonce = %d, %v, want 9", n, ok)
	}
	if s.Len() != 2 {
		t.Errorf("Len = %d", s.Len())
	}
	for _, id := range []ID{{}, {"k", ""}, {"", "s"}, {"sum", "s"}, {"a b", "s"}, {"k", "s\n"}, {"k", "ü"},
		{"k", strings.Repeat("x", 257)}} {
		if _, err := s.Offer(id, Mark{}); err == nil {
			t.Errorf("Offer(%q) has no error", id)
		}
	}
	if s.Len() != 2 {
		t.Errorf("Len = %d after refused offers", s.Len())
	}
}

// The vectors: good files come back to the same bytes; the others are refused
// in the line that their name ends with.
func TestStateVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/state/*")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := ParseState(data)
			if strings.HasPrefix(name, "good-") {
				if err != nil {
					t.Fatal(err)
				}
				if again, err := s.Append(nil); err != nil || !bytes.Equal(again, data) {
					t.Errorf("written back as\n%s%v", again, err)
				}
				return
			}
			var bad *ParseError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v, want a ParseError", err)
			}
			line, _ := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
			if bad.Line != line {
				t.Errorf("%v, want line %d", err, line)
			}
		})
	}
}

// The example in docs/nonce.md is a state file.
func TestStateDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/nonce.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(page, []byte("## Example\n\n```\n"))
	example, _, ok := bytes.Cut(rest, []byte("```\n"))
	if !ok {
		t.Fatal("docs/nonce.md has no example")
	}
	s, err := ParseState(example)
	if err != nil || s.Len() != 1 {
		t.Fatalf("example: %v", err)
	}
}

func sampleState(t testing.TB, n int) []byte {
	t.Helper()
	var s State
	for i := range n {
		id := ID{fmt.Sprintf("SHA256:key%d", i%3), fmt.Sprintf("cqkit/flight-log/v1/%032x", i)}
		m := Mark{uint64(i) * 1000, math.MaxUint64 - uint64(i), sha256.Sum256([]byte{byte(i)})}
		if _, err := s.Offer(id, m); err != nil {
			t.Fatal(err)
		}
	}
	data, err := s.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// No changed byte and no truncation of a state file is accepted.
func TestStateMangling(t *testing.T) {
	data := sampleState(t, 4)
	if _, err := ParseState(data); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		if _, err := ParseState(data[:i]); err == nil {
			t.Errorf("cut at %d is accepted", i)
		}
		for _, flip := range []byte{1, 2, 0x20, 0x80} {
			changed := bytes.Clone(data)
			changed[i] ^= flip
			if _, err := ParseState(changed); err == nil {
				t.Errorf("byte %d changed to %q is accepted", i, changed[i])
			}
		}
		if _, err := ParseState(append(append(bytes.Clone(data[:i]), '\r'), data[i:]...)); err == nil {
			t.Errorf("carriage return at %d is accepted", i)
		}
	}
}

func TestStateTooLong(t *testing.T) {
	if _, err := ParseState(make([]byte, MaxStateBytes+1)); err == nil {
		t.Error("accepted")
	}
	var s State
	if _, err := s.Offer(ID{"k", "s"}, Mark{}); err != nil {
		t.Fatal(err)
	}
	whole, err := s.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for limit := range len(whole) {
		if _, err := s.append([]byte("before"), limit); !errors.Is(err, ErrFull) {
			t.Errorf("limit %d of %d: error %v, want ErrFull", limit, len(whole), err)
		}
	}
	if b, err := s.append([]byte("before"), len(whole)); err != nil || string(b) != "before"+string(whole) {
		t.Errorf("at the limit: %q, %v", b, err)
	}
}

func FuzzParseState(f *testing.F) {
	files, _ := filepath.Glob("testdata/state/*")
	if len(files) == 0 {
		f.Fatal("no seeds in testdata/state")
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false)
		if body, _, ok := bytes.Cut(data, []byte("sum ")); ok {
			f.Add(body, true)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal { // past the checksum, which no mutation gets right
			sum := sha256.Sum256(data)
			data = fmt.Appendf(data, "sum %s\n", encodeDigest(sum))
		}
		s, err := ParseState(data)
		if err != nil {
			return
		}
		again, err := s.Append(nil)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q is accepted and written back as %q, %v", data, again, err)
		}
	})
}
