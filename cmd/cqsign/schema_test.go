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

// TestSchema validates real output against docs/schema/cqsign.json: logs that were
// sealed, skipped and could not be sealed, with notes, without an index, and with
// warnings.
func TestSchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(filepath.Join(root, "docs", "schema", "cqsign.json"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-sign.key"), filepath.Join(dir, "test.key"), 0o600)
	copyFile(t, filepath.Join(root, "testdata", "logs", "copter.tlog"), filepath.Join(dir, "logs", "1.tlog"), 0o644)
	copyFile(t, filepath.Join(root, "testdata", "logs", "README.md"), filepath.Join(dir, "no.tlog"), 0o644)
	t.Chdir(dir)
	for _, tt := range []struct {
		args string
		code int
	}{
		{"logs", 0},
		{"logs", 0},
		{"logs/1.tlog none.tlog no.tlog", 3},
		{"--force --every 1000 logs", 0},
		{"--force --no-index logs/1.tlog", 0},
		{"-o in.cqseal -", 0},
		{"--embed -o in.tlog logs/1.tlog", 0},
	} {
		args := append([]string{"-k", "test.key", "--json"}, strings.Fields(tt.args)...)
		code, stdout, stderr := run(context.Background(), strings.NewReader(""), args...)
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d\n%s", tt.args, code, tt.code, stderr)
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

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, data, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}
