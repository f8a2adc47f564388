package load

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestJSON(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "schema", "flowload-run.json"))
	if err != nil {
		t.Fatal(err)
	}
	list := seeds(t)
	list["none answered"] = drive(1, 3, steady, func(int) map[Outcome]int { return map[Outcome]int{Refused: 200} })
	list["closed"] = full(t)
	list["closed"].Loop = LoopClosed
	for name, r := range list {
		b, err := json.Marshal(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v\n%s", name, err, b)
		}
	}
	// The keys and figures that CLI.md fixes.
	b, err := json.Marshal(full(t))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]map[string]any
	_ = json.Unmarshal(b, &got) // the objects among its values
	for key, want := range map[[2]string]any{
		{"requests", "offered"}: 1200.0, {"requests", "too_many"}: 12.0, {"rate", "error"}: 0.0, {"limit", "final"}: 7.0, {"limit", "min"}: 5.0,
		{"capacity", "concurrency"}: 7.0, {"client", "trusted"}: false, {"service_ns", "p50"}: 7000000.0, {"client", "cpu_ns_per_request"}: 35000.0,
	} {
		if got[key[0]][key[1]] != want {
			t.Errorf("%v is %v, want %v", key, got[key[0]][key[1]], want)
		}
	}
}
