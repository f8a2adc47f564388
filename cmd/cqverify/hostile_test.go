package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"cqkit/pkg/keyfile"
	"cqkit/pkg/seal"
)

// hostile is what strangers can write into a name: escape sequences, line breaks,
// controls of both kinds, reversed and invisible text, markup of every page there is,
// and formulas.
const hostile = "=HYPERLINK(\"http://x\")\x1b[2J\x1b]0;owned\a\r\n\ncqverify: VALID\u009b31m\u202egolt\u2066\u200b" +
	"|</td><script>alert(1)</script>&amp;`code`[a](http://b)*b*_i_ @everyone ~~s~~ <!-- \\x1b"

// hostileName is as much of it as fits a file's name.
const hostileName = "=1+1|<script>\x1b[2J\r\nVALID\u202e`a`[b](c)*d*"

// TestHostileText puts hostile text everywhere a stranger can: no page and no message
// lets it pass as anything but text.
func TestHostileText(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such file names")
	}
	s := newSealer(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	log := slices.Concat(made(t, "flight", 300, 1)...)
	other := made(t, "flight", 300, 2)
	const signerName = "=cmd|<script>alert(1)</script>`x`*b*@all"

	key := publicKey(t, s.key, "=1+1|<b>`x`[a](b) & \"quoted\"")
	put(t, at("key.pub"), key)
	put(t, at("raw.pub"), publicKey(t, s.key, ""))
	rival, err := keyfile.Generate(keyfile.Sign, keyfile.Comments{})
	if err != nil {
		t.Fatal(err)
	}
	put(t, at("rival.pub"), publicKey(t, rival, ""))

	name := hostileName + ".tlog"
	s.signer = signerName
	put(t, at("logs/"+name), log)
	s.seal(log, at("logs/"+name+".cqseal"), hostile, 0, true)
	put(t, at("logs/a.tlog"), log[:len(log)/2], slices.Concat(other[5:40]...), log[len(log)/2:])
	s.seal(log, at("logs/a.tlog.cqseal"), hostile, 0, true)
	put(t, at("logs/b.tlog"), log)
	sealed := s.seal(log, at("logs/b.tlog.cqseal"), hostile, 0, false)
	put(t, at("logs/b.tlog.cqseal"), bytes.Replace(sealed, []byte("\nsigner "), []byte("\nsigner "+hostileName), 1))
	s.seal(slices.Concat(other...), at("other"+hostileName+".cqseal"), hostile, 0, true)
	put(t, at("logs/c"+name+".cqseal"), sealed) // its log is missing
	put(t, at("bad"+hostileName), []byte(hostile))

	text := func(make func(string) (uint32, []byte), name string) {
		quoted := strconv.Quote(hostile)
		frames, err := makeText(quoted[1:len(quoted)-1], make)
		if err != nil {
			t.Fatal(err)
		}
		data := slices.Concat(frames...)
		notes := s.seal(data, at(name+".cqseal"), hostile, 0, false)
		prover, err := seal.NewProver(seal.Log{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, notes, 1)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := prover.Record(5)
		if err != nil {
			t.Fatal(err)
		}
		put(t, at(name), proof)
		put(t, at("edited"+name), bytes.Replace(proof, []byte("\nsigner "), []byte("\nsigner "+hostileName), 1))
	}
	text(statusText, "status"+hostileName)
	text(paramValue, "param"+hostileName)

	t.Chdir(dir)
	runs := [][]string{
		{"-k", "key.pub", "--also", "other" + hostileName + ".cqseal", "logs"},
		{"-k", "raw.pub", "--also", "other" + hostileName + ".cqseal", "logs"},
		{"-k", "key.pub", "--also", "other" + hostileName + ".cqseal", "logs/a.tlog"},
		{"-k", "rival.pub", "logs/" + name},
		{"-k", "raw.pub", "logs/" + name},
		{"-k", "key.pub", "-s", "bad" + hostileName, "logs/a.tlog"},
		{"-k", "key.pub", "none" + hostileName},
		{"-k", "bad" + hostileName, "logs/a.tlog"},
		{"-k", "none" + hostileName, "logs/a.tlog"},
		{"-k", "key.pub", "-s", "none" + hostileName, "logs/a.tlog"},
		{"-k", "key.pub", "--state", "bad" + hostileName, "logs/" + name},
		{"-k", "key.pub", "--also", "bad" + hostileName, "logs/a.tlog"},
		{"-k", "key.pub", hostileName + ".cqseal"},
		{"info", "logs", "bad" + hostileName, "none" + hostileName},
		{"info", "logs/" + name},
		{"proof", "-k", "key.pub", "status" + hostileName},
		{"proof", "-k", "key.pub", "param" + hostileName, "editedparam" + hostileName, "bad" + hostileName, "none" + hostileName},
		{"proof", "-k", "rival.pub", "status" + hostileName},
	}
	for _, args := range runs {
		for _, format := range []string{"table", "markdown", "csv", "json", "junit"} {
			if args[0] == "info" && format == "junit" {
				continue
			}
			code, stdout, stderr := run(context.Background(), nil, append(slices.Clone(args), "--format", format)...)
			checkHarmless(t, stdout)
			checkHarmless(t, stderr)
			for line := range strings.Lines(stderr) {
				if !strings.HasPrefix(line, "cqverify: error: ") && !strings.HasPrefix(line, "cqverify: hint: ") {
					t.Errorf("a line of its own on standard error: %q", line)
				}
			}
			if stdout != "" {
				checkFormat(t, format, stdout)
			} else if code < 2 {
				t.Errorf("%q: exit code %d and no report", args, code)
			}
			if t.Failed() {
				t.Fatalf("%q --format %s: exit code %d\n%s\n%s", args, format, code, stdout, stderr)
			}
		}
	}
}

// checkHarmless finds what could do something to a terminal or mislead a reader.
func checkHarmless(t *testing.T, page string) {
	t.Helper()
	if !utf8.ValidString(page) {
		t.Error("not UTF-8")
	}
	for _, r := range page {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U on a page", r)
		}
	}
}

var unescapedPipe = regexp.MustCompile(`(^|[^\\])\|`)

// checkFormat checks that a page is one of its format, with as many cells as its
// heading has, and that nothing in it is markup or a formula.
func checkFormat(t *testing.T, format, page string) {
	t.Helper()
	switch format {
	case "markdown":
		cells := 0
		for line := range strings.Lines(page) {
			for _, markup := range []string{"<script", "</td", "<b>", "<!--", "[a](", "[b](", " `"} {
				if strings.Contains(line, markup) {
					t.Errorf("markup: %s", line)
				}
			}
			if strings.Contains(strings.ReplaceAll(line, `\`+"`", ""), "`") {
				t.Errorf("code: %s", line)
			}
			if !strings.HasPrefix(line, "|") {
				cells = 0
				continue
			}
			n := len(unescapedPipe.FindAllString(line, -1))
			if cells != 0 && n != cells {
				t.Errorf("%d bars instead of %d: %s", n, cells, line)
			}
			cells = n
		}
	case "csv":
		rows, err := csv.NewReader(strings.NewReader(page)).ReadAll() // checks the number of cells
		if err != nil {
			t.Error(err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.Contains("=+-@\t\r", cell[:1]) {
					t.Errorf("a formula: %s", cell)
				}
			}
		}
	case "json":
		if !json.Valid([]byte(page)) {
			t.Error("not JSON")
		}
	case "junit":
		decoder := xml.NewDecoder(strings.NewReader(page))
		for {
			token, err := decoder.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				break
			}
			if start, ok := token.(xml.StartElement); ok && !slices.Contains(
				[]string{"testsuites", "testsuite", "testcase", "failure", "error", "system-out", "skipped"}, start.Name.Local) {
				t.Errorf("element %s", start.Name.Local)
			}
		}
	}
}
