package vegas

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The simulator and the scenarios are those of pkg/vegas, byte for byte: a package of
// another module cannot import test files.
func TestCopies(t *testing.T) {
	for _, name := range []string{"sim_test.go", "scenario_test.go"} {
		want, err := os.ReadFile(filepath.Join("..", "..", "..", "vegas", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from that of pkg/vegas: copy it from there", name)
		}
	}
}
