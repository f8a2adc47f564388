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

// TestReplaySchema validates real output against docs/schema/replay.json, and has
// one finding of each of several kinds in it.
func TestReplaySchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "replay.json"))
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(root, "..", "shared", "data")
	if _, err := os.Stat(data); err != nil {
		t.Skip("no shared logs beside the repository")
	}
	args := []string{"replay", "--json", "--mavlink-key", "pass:password", "missing.tlog", filepath.Join(data, "attacks")}
	for _, name := range []string{"copter-all-signed-v2-2026.tlog", "multi-vehicle-interleaved-2025.tlog", "px4flow-v1-2015.tlog",
		"copter-mp-v1-2018-mission1.rlog", "copter-mp-v1-2018-mission1.tlog", "capture.mavlink", "common.pcapng"} {
		args = append(args, filepath.Join(data, "tlogs", name))
	}
	code, stdout, stderr := run(context.Background(), nil, args...)
	if code != 3 { // missing.tlog; a finding alone would be 1
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
	for _, kind := range []string{"flood", "second_transmitter", "clock", "loss", "replayed_stretch", "copied"} {
		if !strings.Contains(stdout, `"kind": "`+kind+`"`) {
			t.Errorf("no finding of the kind %s", kind)
		}
	}
}
