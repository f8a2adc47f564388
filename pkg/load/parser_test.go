package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// parsed is what a parser makes of bytes that come in pieces.
type parsed struct {
	status   int
	used     int
	reusable bool
	done     bool
	err      error
}

// parse feeds a parser pieces of the given size, and the end of the connection.
func parse(data []byte, piece int, head bool) (got parsed) {
	var p parser
	p.begin(head, nil)
	for rest := data; len(rest) > 0 && !p.done(); {
		n := min(piece, len(rest))
		used, err := p.feed(rest[:n])
		got.used += used
		if err != nil {
			got.err = err
			return got
		}
		if used < n && !p.done() {
			panic("bytes left without being done")
		}
		rest = rest[n:]
	}
	got.done = p.done() || p.eof()
	got.status, got.reusable = p.status, got.done && p.reusable()
	return got
}

// responses are answers that are as they should be, and what follows them is not part of them.
var responses = []struct {
	name, text string
	head       bool
	status     int
	reusable   bool
	rest       string
}{
	{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, true, ""},
	{"length and more", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, true, "HTTP/1.1"},
	{"no reason", "HTTP/1.1 404\r\ncontent-length:0\r\n\r\n", false, 404, true, "x"},
	{"empty reason", "HTTP/1.1 404 \r\ncontent-length:\t0 \r\n\r\n", false, 404, true, ""},
	{"line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", false, 200, true, ""},
	{"equal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi", false, 200, true, ""},
	{"close", "HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 0\r\n\r\n", false, 200, false, ""},
	{"until the end", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\nall of this", false, 200, false, ""},
	{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", false, 200, false, ""},
	{"HTTP/1.0 kept", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", false, 200, true, ""},
	{"204", "HTTP/1.1 204 No Content\r\n\r\n", false, 204, true, "rest"},
	{"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", false, 304, true, "rest"},
	{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", true, 200, true, "rest"},
	{"HEAD chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true, 200, true, "rest"},
	{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, 200, true, ""},
	{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n", false, 200, true, "rest"},
	{"trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n00\r\nA: b\r\nContent-Length: 7\r\n\r\n", false, 200, true, "rest"},
	{"long field", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 5000) + "\r\nContent-Length: 1\r\n\r\nx", false, 200, true, ""},
}

func TestParserTakes(t *testing.T) {
	for _, c := range responses {
		t.Run(c.name, func(t *testing.T) {
			data := []byte(c.text + c.rest)
			for _, piece := range []int{1, 2, 3, 7, 1000, 1 << 20} {
				got := parse(data, piece, c.head)
				want := parsed{c.status, len(c.text), c.reusable, true, nil}
				if got != want {
					t.Errorf("in pieces of %d: got %+v, want %+v", piece, got, want)
				}
			}
			// Cut anywhere, it is not complete, unless it ends with the connection.
			if c.name == "until the end" {
				return
			}
			for n := range len(c.text) {
				if got := parse(data[:n], 1<<20, c.head); got.done || got.err != nil {
					t.Errorf("cut at %d: %+v", n, got)
				}
			}
		})
	}
}

var malformed = []struct {
	name, text string
	err        error
}{
	{"garbage", "\x00\x01\x02garbage\n", errStatusLine},
	{"nothing but lines", "\r\n\r\n", errStatusLine},
	{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", errStatusLine},
	{"small letters", "http/1.1 200 OK\r\n\r\n", errStatusLine},
	{"two spaces", "HTTP/1.1  200 OK\r\n\r\n", errStatusLine},
	{"short status", "HTTP/1.1 20 OK\r\n\r\n", errStatusLine},
	{"long status", "HTTP/1.1 2000 OK\r\n\r\n", errStatusLine},
	{"status 099", "HTTP/1.1 099 OK\r\n\r\n", errStatusLine},
	{"status 600", "HTTP/1.1 600 OK\r\n\r\n", errStatusLine},
	{"switching", "HTTP/1.1 101 Switching Protocols\r\n\r\n", errSwitch},
	{"control in reason", "HTTP/1.1 200 O\x01K\r\n\r\n", errStatusLine},
	{"space before colon", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", errField},
	{"no colon", "HTTP/1.1 200 OK\r\nAb\r\n\r\n", errField},
	{"no name", "HTTP/1.1 200 OK\r\n: b\r\n\r\n", errField},
	{"folded", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", errField},
	{"NUL", "HTTP/1.1 200 OK\r\nA: b\x00\r\n\r\n", errField},
	{"carriage return", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", errField},
	{"carriage return in a long field", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 3000) + "\r" + strings.Repeat("b", 3000) + "\r\n\r\n", errField},
	{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", errLength},
	{"signed length", "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", errLength},
	{"empty length", "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n", errLength},
	{"list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", errLength},
	{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n", errLength},
	{"length with zeros", "HTTP/1.1 200 OK\r\nContent-Length: 02\r\n\r\nhi", errLength},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", errLength},
	{"long length", "HTTP/1.1 200 OK\r\nContent-Length: " + strings.Repeat(" ", 3000) + "1\r\n\r\n", errFieldLong},
	{"gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", errCoding},
	{"chunked twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", errCoding},
	{"both", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", errBothLengths},
	{"HTTP/1.0 chunked", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", errBothLengths},
	{"no size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", errChunk},
	{"bad size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5g\r\n", errChunk},
	{"size with 0x", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n", errChunk},
	{"size of 16 digits", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", errChunk},
	{"line feed after size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", errChunk},
	{"longer chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", errChunk},
	{"line feed after chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n", errChunk},
	{"bad trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n", errField},
	{"line feed after trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\n", errField},
	{"long extension", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 5000) + "\r\n", errChunkFraming},
	{"framing alone", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("x", 100)+"\r\ny\r\n", 300), errChunkFraming},
	{"100,000 fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 100_000), errHeadLong},
	{"endless field", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("b", 1<<20), errHeadLong},
	{"endless name", "HTTP/1.1 200 OK\r\n" + strings.Repeat("b", 1<<20), errField},
	{"endless reason", "HTTP/1.1 200 " + strings.Repeat("b", 1<<20), errStatusLine},
	{"endless interim", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20_000), errHeadLong},
	{"endless trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", 100_000), errHeadLong},
}

func TestParserRefuses(t *testing.T) {
	for _, c := range malformed {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{1, 100, 1 << 20} {
				got := parse([]byte(c.text), piece, false)
				if c.name == "endless name" && errors.Is(got.err, errHeadLong) || c.name == "endless reason" && errors.Is(got.err, errHeadLong) {
					continue // in one piece the length of the whole is seen first
				}
				if !errors.Is(got.err, c.err) {
					t.Errorf("in pieces of %d: got %+v, want %v", piece, got, c.err)
				}
			}
		})
	}
}

// TestParserMemory feeds what a hostile server may send without end and watches the heap.
func TestParserMemory(t *testing.T) {
	for _, c := range malformed {
		var p parser
		p.begin(false, nil)
		var before, after runtime.MemStats
		rest := []byte(c.text)
		runtime.ReadMemStats(&before)
		for len(rest) > 0 {
			n := min(10, len(rest))
			if _, err := p.feed(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		runtime.ReadMemStats(&after)
		if cap(p.line) > 16*maxKept {
			t.Errorf("%s: the parser keeps %d bytes", c.name, cap(p.line))
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
			t.Errorf("%s: %d bytes allocated", c.name, n)
		}
	}
}

// stricter are the refusals that net/http does not share; docs/load.md names them.
var stricter = []error{errStatusLine, errField, errLength, errCoding, errBothLengths, errChunk, errHeadLong, errFieldLong, errChunkFraming, errSwitch}

// reference is what net/http makes of the same bytes.
func reference(data []byte, head bool) (status int, body []byte, used int, err error) {
	src := bytes.NewReader(data)
	// One byte at a time, so that what the reader holds back is known.
	br := bufio.NewReaderSize(src, 1<<16)
	method := "GET"
	if head {
		method = "HEAD"
	}
	for {
		res, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return 0, nil, 0, err
		}
		if res.StatusCode >= 100 && res.StatusCode < 200 {
			continue
		}
		body, err = io.ReadAll(res.Body)
		if err != nil {
			return 0, nil, 0, err
		}
		return res.StatusCode, body, len(data) - src.Len() - br.Buffered(), nil
	}
}

// FuzzParser holds the parser against net/http's on the same bytes: what both take has the
// same status, the same body and the same length; what ours alone takes is an error, and what
// it alone refuses is malformed by the stricter rules. In pieces it sees what it sees at once.
func FuzzParser(f *testing.F) {
	seeds := 0
	for _, c := range responses {
		f.Add([]byte(c.text+c.rest), c.head)
		seeds++
	}
	for _, c := range malformed {
		if len(c.text) < 10_000 {
			f.Add([]byte(c.text), false)
			seeds++
		}
	}
	if seeds < 30 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, data []byte, head bool) {
		if len(data) > 1<<16 {
			return
		}
		got := parse(data, len(data)+1, head)
		for _, piece := range []int{1, 13} {
			if again := parse(data, piece, head); again.done != got.done || again.status != got.status ||
				again.reusable != got.reusable || (again.err == nil) != (got.err == nil) || got.done && again.used != got.used {
				t.Fatalf("in pieces of %d: %+v, at once: %+v", piece, again, got)
			}
		}
		status, body, used, err := reference(data, head)
		switch {
		case got.err != nil:
			if !slices.Contains(stricter, got.err) {
				t.Fatalf("unknown refusal %v", got.err)
			}
		case got.done && err != nil:
			t.Fatalf("accepted %q, which net/http refuses: %v", data, err)
		case got.done:
			if status != got.status || used != got.used {
				t.Fatalf("got status %d and %d bytes, net/http %d and %d", got.status, got.used, status, used)
			}
			if p := contained(data[:got.used], body, head); !p {
				t.Fatalf("body %q is not what net/http read", body)
			}
		case err == nil && !head:
			t.Fatalf("incomplete for the parser, but net/http has status %d and %d bytes of body", status, len(body))
		}
	})
}

// contained tells whether the parser sees want in the body, and nothing beyond it: a pattern of
// the whole body must be found, and found only with its last byte.
func contained(data, want []byte, head bool) bool {
	if len(want) == 0 {
		return true
	}
	var p parser
	p.begin(head, newPattern(want))
	if n, err := p.feed(data); err != nil || n != len(data) {
		return false
	}
	return p.match.found
}

// TestParserAgreesOnFiles parses what real servers sent.
func TestParserAgreesOnFiles(t *testing.T) {
	names, err := filepath.Glob("testdata/responses/*.http")
	if err != nil || len(names) == 0 {
		t.Fatalf("no responses: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		status, body, used, err := reference(data, false)
		if err != nil {
			t.Fatal(err)
		}
		got := parse(data, 100, false)
		if !got.done || got.status != status || got.used != used || !contained(data, body, false) {
			t.Errorf("%s: got %+v, net/http: status %d, %d bytes", name, got, status, used)
		}
	}
}

func TestMatcher(t *testing.T) {
	for _, text := range []string{"a", "aa", "aab", "abab", "abcabd", "aabaaab"} {
		p := newPattern([]byte(text))
		for n := range 1 << 10 { // all words of ten letters a and b, with a c for variety
			word := make([]byte, 10)
			for i := range word {
				word[i] = 'a' + byte(n>>i&1)
			}
			if n%7 == 0 {
				word[n%10] = 'c'
			}
			if n%11 == 0 {
				word[n%9+1] = 'd'
			}
			m := matcher{pattern: p}
			for i := 0; i < len(word); i += 3 {
				m.feed(word[i:min(i+3, len(word))])
			}
			if want := bytes.Contains(word, []byte(text)); m.ok() != want {
				t.Fatalf("%q in %q: got %t", text, word, m.ok())
			}
		}
	}
	if m := (matcher{}); !m.ok() {
		t.Error("without a pattern, something was looked for")
	}
}

func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		head string
		want string
	}{
		{"Retry-After: 7", "7s true"},
		{"Retry-After: 0", "0s true"},
		{"retry-after:  12  ", "12s true"},
		{"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:49:57 GMT", "20s true"},
		{"Retry-After: Sun, 06 Nov 1994 08:49:57 GMT\r\nDate: Sun, 06 Nov 1994 08:50:37 GMT", "0s true"},
		{"Retry-After: Sun, 06 Nov 1994 08:49:57 GMT", "0s false"},
		{"Retry-After: -1", "0s false"},
		{"Retry-After: 1.5", "0s false"},
		{"Retry-After: soon", "0s false"},
		{"Retry-After: " + strings.Repeat("9", 70), "0s false"},
		{"Retry-After: 3\r\nRetry-After: 9", "3s true"},
		{"X: y", "0s false"},
	} {
		var p parser
		p.begin(false, nil)
		if _, err := p.feed([]byte("HTTP/1.1 429 Slow down\r\nContent-Length: 0\r\n" + c.head + "\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		d, ok := p.advice.retryAfter()
		if got := fmt.Sprint(d, ok); got != c.want {
			t.Errorf("%q: got %s, want %s", c.head, got, c.want)
		}
		p.begin(false, nil)
		if _, ok := p.advice.retryAfter(); ok {
			t.Errorf("%q: the next answer has it, too", c.head)
		}
	}
}
