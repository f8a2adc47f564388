package main

import (
	"path/filepath"
	"testing"

	"cqkit/cmd/internal/cli/clitest"
)

// TestVerdictReplaySchema validates a verdict with what was found on the link.
func TestVerdictReplaySchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(root, "testdata", "keys", "test-sign.pub")
	log := filepath.Join(root, "testdata", "logs", "copter.tlog")
	code, stdout, stderr := run(t.Context(), nil, "-k", key, "--replay", "--json", log)
	if code != 1 || stderr != "" { // the log has no seal
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	validate(t, compileSchemas(t)["cqverify-verdict"], stdout)
}
