package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode"

	"cqkit/cmd/internal/cli/clitest"
)

// TestHostileNames seals logs, and fails to, whose names have escape sequences, line
// breaks and reversed text in them: no message lets them reach the terminal.
func TestHostileNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such file names")
	}
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	const hostile = "\x1b[2J\r\ncqsign: sealed\u202e\u009b31m\u200b|<script>=1+1"
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-sign.key"), at("k"+hostile+".key"), 0o600)
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-sign-raw.key"), at("raw"+hostile+".key"), 0o600)
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-kem.key"), at("kem"+hostile+".key"), 0o600)
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-sign.pub"), at("k"+hostile+".pub"), 0o644)
	copyFile(t, filepath.Join(root, "testdata", "logs", "copter.tlog"), at("logs/"+hostile+".tlog"), 0o644)
	copyFile(t, filepath.Join(root, "testdata", "logs", "README.md"), at("no log"+hostile+".tlog"), 0o644)
	t.Chdir(dir)
	for _, tt := range []struct {
		code int
		args []string
	}{
		{0, []string{"-k", "k" + hostile + ".key", "logs"}},
		{0, []string{"-k", "k" + hostile + ".key", "logs"}},
		{0, []string{"-k", "raw" + hostile + ".key", "--force", "logs"}},
		{3, []string{"-k", "k" + hostile + ".key", "logs/" + hostile + ".tlog"}},
		{0, []string{"-k", "k" + hostile + ".key", "no log" + hostile + ".tlog"}},
		{3, []string{"-k", "k" + hostile + ".key", "none" + hostile + ".tlog"}},
		{3, []string{"-k", "k" + hostile + ".key", "-o", "none" + hostile + "/x", "logs/" + hostile + ".tlog"}},
		{3, []string{"-k", "k" + hostile + ".pub", "logs"}},
		{3, []string{"-k", "kem" + hostile + ".key", "logs"}},
		{2, []string{"-k", "k" + hostile + ".key", "--name", hostile, "logs"}},
		{2, []string{"-k", "k" + hostile + ".key", "--every", hostile, "logs"}},
		{2, []string{"-k", "k" + hostile + ".key", hostile + ".cqidx"}},
		{0, []string{"prove", "--record", "7", "logs/" + hostile + ".tlog"}},
		{3, []string{"prove", "--record", "7", "logs/" + hostile + ".tlog"}},
		{2, []string{"prove", "--record", hostile, "logs/" + hostile + ".tlog"}},
		{2, []string{"prove", "--consistency", hostile, "logs/" + hostile + ".tlog"}},
		{3, []string{"prove", "--record", "7", "-s", "k" + hostile + ".pub", "logs/" + hostile + ".tlog"}},
	} {
		for _, asJSON := range []bool{false, true} {
			args := tt.args
			if asJSON {
				if args[0] == "prove" || tt.code != 3 {
					continue
				}
				args = append([]string{"--json"}, args...)
			}
			code, stdout, stderr := run(context.Background(), nil, args...)
			if code != tt.code {
				t.Errorf("%q: exit code %d, want %d\n%s", args, code, tt.code, stderr)
			}
			for _, r := range stdout + stderr {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%q: %U on the terminal\n%q\n%q", args, r, stdout, stderr)
				}
			}
			for line := range strings.Lines(stderr) {
				if !strings.HasPrefix(line, "cqsign: error: ") && !strings.HasPrefix(line, "cqsign: hint: ") && !strings.HasPrefix(line, "cqsign: warning: ") {
					t.Errorf("%q: a line of its own: %q", args, line)
				}
			}
			if asJSON && stdout != "" && !json.Valid([]byte(stdout)) {
				t.Errorf("%q: not JSON: %s", args, stdout)
			}
		}
	}
}
