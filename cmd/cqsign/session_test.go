package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/keyfile"
)

// TestSessionSchema validates what each step prints against docs/schema.
func TestSessionSchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "cqsign-session.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for _, name := range []string{"vehicle", "ground"} {
		k, err := keyfile.Generate(keyfile.Sign, keyfile.Comments{})
		if err == nil {
			err = keyfile.WritePair(name, k, keyfile.PEM, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]bool{}
	for _, step := range []string{
		"offer --hybrid -k vehicle.key --peer ground.pub --state v -o 1",
		"answer -k ground.key --peer vehicle.pub --state g -o 2 1",
		"confirm --state v -o 3 2",
		"confirm --state g --session gs -o 4 3",
		"confirm --state v --session vs 4",
	} {
		code, stdout, stderr := run(context.Background(), strings.NewReader(""), append([]string{"session"}, strings.Fields(step+" --json")...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("%s: exit code %d\n%s", step, code, stderr)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", step, err, stdout)
		}
		if id, ok := value.(map[string]any)["session"].(string); ok {
			ids[id] = true
		}
	}
	if len(ids) != 1 {
		t.Errorf("the two sides print the ids %v", ids)
	}
}
