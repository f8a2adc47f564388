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
	schemas := map[bool]*jsonschema.Schema{}
	for v1, name := range map[bool]string{false: "cqsign-session.json", true: "cqsign-session-v1.json"} {
		if schemas[v1], err = jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(t.TempDir())
	for name, kind := range map[string]keyfile.Kind{"vehicle": keyfile.Sign, "ground": keyfile.Sign, "drone": keyfile.KEM} {
		k, err := keyfile.Generate(kind, keyfile.Comments{})
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
		"init --v1 --peer drone.pub --session k1 -o 5 --quiet",
		"accept --v1 -k drone.key --session k2 5 --quiet",
	} {
		code, stdout, stderr := run(context.Background(), strings.NewReader(""), append([]string{"session"}, strings.Fields(step+" --json")...)...)
		if code != 0 || stderr != "" {
			t.Fatalf("%s: exit code %d\n%s", step, code, stderr)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = schemas[strings.Contains(step, "--v1")].Validate(value)
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
