package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTrustSchema validates real output of trust show against its schema.
func TestTrustSchema(t *testing.T) {
	files := append(testFiles(t, "trust", "*.trust"), testFiles(t, "trust", "*.revoked")...)
	value := validated(t, "cqkeygen-trust.json", append([]string{"trust", "show", "--json"}, files...)...)
	shown := value.(map[string]any)["files"].([]any)
	if len(shown) != len(files) {
		t.Fatalf("%d files shown, want %d", len(shown), len(files))
	}
	if last := shown[len(files)-1].(map[string]any); len(last["revocations"].([]any)) == 0 {
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
