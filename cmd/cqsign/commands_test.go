package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli/clitest"
)

// TestCommandsSchema validates real output against docs/schema/cqsign-commands.json.
func TestCommandsSchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "cqsign-commands.json"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copyFile(t, filepath.Join(root, "testdata", "keys", "test-sign.key"), filepath.Join(dir, "test.key"), 0o600)
	copyFile(t, filepath.Join(root, "testdata", "logs", "copter.tlog"), filepath.Join(dir, "flight.tlog"), 0o644)
	t.Chdir(dir)
	for _, args := range []string{
		"-o signed.tlog --message HEARTBEAT,SYSTEM_TIME flight.tlog",
		"-o twice.tlog --message HEARTBEAT signed.tlog",
		"-o none.tlog flight.tlog",
		"-o empty.tlog -",
	} {
		code, stdout, stderr := run(context.Background(), strings.NewReader(""), append([]string{"commands", "-k", "test.key", "--json"}, strings.Fields(args)...)...)
		if code != 0 {
			t.Errorf("%s: exit code %d\n%s", args, code, stderr)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", args, err, stdout)
		}
	}
}
