package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli/clitest"
)

// TestTrustSchema validates real output of trust show against its schema.
func TestTrustSchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "cqkeygen-trust.json"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "testdata", "trust", "*.trust"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no trust files to show: %v", err)
	}
	files = append(files, filepath.Join(root, "testdata", "trust", "fleet.revoked"))
	code, stdout, stderr := run(context.Background(), nil, append([]string{"trust", "show", "--json"}, files...)...)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%v\n%s", err, stdout)
	}
	var got struct {
		Files []struct{ Keys, Revocations []any }
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || len(got.Files) != len(files) {
		t.Fatalf("%d files, want %d: %v", len(got.Files), len(files), err)
	}
	if last := got.Files[len(files)-1]; len(last.Revocations) == 0 {
		t.Error("the list shows no revocations")
	}
}

// TestListChanged: a list that somebody else extended while this one was signed is not
// written over.
func TestListChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.revoked")
	if err := os.WriteFile(path, []byte("newer"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := newCommand()
	cmd.SetContext(context.Background())
	v := revocation{output: path}
	if err := v.write(cmd, nil, []byte("as it was read")); err == nil || !strings.Contains(err.Error(), "changed while") {
		t.Errorf("got %v", err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "newer" {
		t.Errorf("the list is now %q, %v", data, err)
	}
}
