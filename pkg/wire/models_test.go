package wire_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const modelDir = "../../docs/models"

// expectation is a line of expected.txt.
type expectation struct {
	file, variant string // variant "-" is the whole model
	results       []string
}

func expectations(t *testing.T) []expectation {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(modelDir, "expected.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var list []expectation
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] != "#" {
			list = append(list, expectation{f[0], f[1], f[2:]})
		}
	}
	return list
}

// TestModels runs the models of docs/models, each whole and broken in all ways it can
// be, and compares what comes out with what is written down there.
func TestModels(t *testing.T) {
	run := map[string]func(t *testing.T, e expectation) []string{}
	if have(t, true, "spin", "gcc") {
		run[".pml"] = runSpin
	}
	if have(t, false, "proverif", "cpp") {
		run[".pv"] = runProverif
	}
	for _, e := range expectations(t) {
		if testing.Short() && e.variant != "-" {
			continue
		}
		t.Run(e.file+"/"+e.variant, func(t *testing.T) {
			f := run[filepath.Ext(e.file)]
			if f == nil {
				t.Skipf("the tool for %s is not installed", e.file)
			}
			t.Parallel()
			got := f(t, e)
			if !slices.EqualFunc(got, e.results, func(got, want string) bool {
				return got == want || want == "fails" && got != "true"
			}) {
				t.Errorf("came out as %v, want %v", got, e.results)
			}
		})
	}
}

// TestModelsExpected sees to it that every model, and every way to break it, is in
// expected.txt, with an answer to each query.
func TestModelsExpected(t *testing.T) {
	listed, whole := map[string]bool{}, map[string][]string{}
	for _, e := range expectations(t) {
		listed[e.file+" "+e.variant] = true
		source, err := os.ReadFile(filepath.Join(modelDir, e.file))
		if err != nil {
			t.Fatal(err)
		}
		queries := max(1, len(regexp.MustCompile(`(?m)^query `).FindAll(source, -1)))
		if len(e.results) != queries {
			t.Errorf("%s %s: %d results, want %d", e.file, e.variant, len(e.results), queries)
		}
		if e.variant == "-" {
			whole[e.file] = e.results
		}
		if e.variant == "-" == !slices.Equal(e.results, whole[e.file]) || e.variant == "-" && e.results[0] != "true" {
			t.Errorf("%s %s: expected to be %v, the whole is %v", e.file, e.variant, e.results, whole[e.file])
		}
	}
	files, err := filepath.Glob(filepath.Join(modelDir, "*.p*"))
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	used := regexp.MustCompile(`(?m)^#\s*(?:ifdef|ifndef|if defined|elif defined) (\w+)$`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if !listed[name+" -"] {
			t.Errorf("%s is not in expected.txt", name)
		}
		for _, m := range used.FindAllSubmatch(source, -1) {
			if !listed[name+" "+string(m[1])] {
				t.Errorf("%s %s is not in expected.txt", name, m[1])
			}
			if !regexp.MustCompile(`(?m)^   ` + string(m[1]) + ` +\w`).Match(source) {
				t.Errorf("%s does not say what %s is", name, m[1])
			}
		}
	}
}

// have reports whether the programs are installed. Required ones must be where
// CQKIT_REQUIRE=all.
func have(t *testing.T, required bool, programs ...string) bool {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if required && os.Getenv("CQKIT_REQUIRE") == "all" {
				t.Fatalf("%s is not installed", program)
			}
			return false
		}
	}
	return true
}

// tool runs a program in dir and returns what it printed.
func tool(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, &out)
	}
	return out.Bytes()
}

// source puts the model into a directory of its own.
func (e expectation) source(t *testing.T) (dir string, define []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(modelDir, e.file))
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, e.file), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if e.variant != "-" {
		define = []string{"-D" + e.variant}
	}
	return dir, define
}

func runSpin(t *testing.T, e expectation) []string {
	dir, define := e.source(t)
	if out := tool(t, dir, "spin", append(define, "-a", e.file)...); bytes.Contains(out, []byte("rror")) {
		t.Fatalf("%s", out)
	}
	tool(t, dir, "gcc", "-O0", "-w", "-DSAFETY", "-o", "pan", "pan.c")
	out := tool(t, dir, "./pan", "-m100000")
	for _, bad := range []string{"max search depth too small", "Search not completed"} {
		if bytes.Contains(out, []byte(bad)) && bytes.Contains(out, []byte("errors: 0")) {
			t.Fatalf("%s", out)
		}
	}
	switch {
	case bytes.Contains(out, []byte("errors: 0\n")):
		return []string{"true"}
	case bytes.Contains(out, []byte("assertion violated")):
		return []string{"false"}
	}
	t.Fatalf("%s", out)
	return nil
}

// proverifResult is an answer in the summary at the end of ProVerif's output.
var proverifResult = regexp.MustCompile(`(?s)Query .*?(?: is (true|false)| (cannot be proved))\.`)

func runProverif(t *testing.T, e expectation) []string {
	dir, define := e.source(t)
	tool(t, dir, "cpp", append(append([]string{"-P", "-traditional-cpp"}, define...), e.file, "model.pv")...)
	_, summary, found := bytes.Cut(tool(t, dir, "proverif", "model.pv"), []byte("Verification summary:"))
	if !found {
		t.Fatal("ProVerif gave no summary")
	}
	var results []string
	for _, m := range proverifResult.FindAllSubmatch(summary, -1) {
		results = append(results, fmt.Sprintf("%s%s", m[1], m[2]))
	}
	return results
}
