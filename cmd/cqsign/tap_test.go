package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli/clitest"
)

// TestTapSchema validates real output of cqsign tap against its schema.
func TestTapSchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "cqsign-tap.json"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-sign.key"), filepath.Join(dir, "test.key"), 0o600)
	copyFile(t, filepath.Join(root, "testdata", "logs", "copter.tlog"), filepath.Join(dir, "logs", "1.tlog"), 0o644)
	copyFile(t, filepath.Join(root, "testdata", "logs", "README.md"), filepath.Join(dir, "no.tlog"), 0o644)
	t.Chdir(dir)
	if err := os.WriteFile("session.key", []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"logs", 0, `"anchored": 1`},
		{"logs", 0, `"skipped": 1`},
		{"logs/1.tlog none.tlog no.tlog", 3, `"failed": 2`},
		{"--frames --no-tags -o frames logs/1.tlog", 0, `"frames": true`},
		{"--v1 --session-key session.key -o v1 logs/1.tlog", 0, `"wire": "v1"`},
		{"--v1 --session-key session.key no.tlog", 3, `"error": `},
		{"-o in -", 0, `"records": 0`},
	} {
		args := append([]string{"tap", "-k", "test.key", "--json"}, strings.Fields(tt.args)...)
		code, stdout, stderr := run(context.Background(), strings.NewReader(""), args...)
		if code != tt.code || !strings.Contains(stdout, tt.want) {
			t.Errorf("%s: exit code %d, want %d and %s\n%s%s", tt.args, code, tt.code, tt.want, stdout, stderr)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", tt.args, err, stdout)
		}
	}
}
