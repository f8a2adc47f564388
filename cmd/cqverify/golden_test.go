package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli/clitest"
)

// goldenCase is a run of cqverify whose report is kept under testdata/golden in each of
// its formats. Its JSON is checked against docs/schema.
type goldenCase struct {
	name    string
	args    string
	code    int
	schema  string
	formats string // all but "table json" if empty
}

var goldenCases = []goldenCase{
	{"valid", "-k pilot.pub flight.tlog", 0, "cqverify-verdict", "table markdown csv json junit"},
	{"altered", "-k pilot.pub -s flight.tlog.cqseal --also other.tlog.cqseal altered.tlog", 1, "cqverify-verdict", "table markdown csv json junit"},
	{"altered-no-index", "-k pilot.pub -s no-index.cqseal altered.tlog", 1, "cqverify-verdict", ""},
	{"days", "-k pilot.pub -s flight.tlog.cqseal days.tlog", 1, "cqverify-verdict", ""},
	{"dirty", "-k pilot.pub -s dirty.cqseal dirtier.tlog", 1, "cqverify-verdict", ""},
	{"foreign", "-k pilot.pub -s other.tlog.cqseal flight.tlog", 1, "cqverify-verdict", ""},
	{"open", "-k pilot.pub -s open.cqseal flight.tlog", 1, "cqverify-verdict", ""},
	{"superseded", "-k pilot.pub --state state -s open.cqseal flight.tlog", 1, "cqverify-verdict", ""},
	{"unsigned", "-k pilot.pub altered.tlog", 1, "cqverify-verdict", ""},
	{"untrusted", "-k rival.pub flight.tlog", 1, "cqverify-verdict", ""},
	{"malformed", "-k pilot.pub -s edited.cqseal flight.tlog", 1, "cqverify-verdict", ""},
	{"unlabelled", "-k raw.pub flight.tlog", 0, "cqverify-verdict", ""},
	{"inside", "-k pilot.pub inside.tlog", 0, "cqverify-verdict", ""},
	{"inside-altered", "-k pilot.pub inside-altered.tlog", 1, "cqverify-verdict", ""},
	{"inside-both", "-k pilot.pub both.tlog", 0, "cqverify-verdict", ""},
	{"several", "-k pilot.pub logs", 3, "cqverify-verdicts", "table markdown csv json junit"},
	{"info", "info secret.tlog", 0, "cqverify-info", "table markdown csv json"},
	{"info-raw", "info link.raw", 0, "cqverify-info", ""},
	{"info-none", "info pilot.pub", 0, "cqverify-info", ""},
	{"info-several", "info logs", 0, "cqverify-infos", "table markdown csv json"},
	{"proof", "proof -k pilot.pub record.tlog-proof", 0, "cqverify-proof", "table markdown csv json junit"},
	{"proof-refused", "proof -k pilot.pub edited.tlog-proof", 1, "cqverify-proof", ""},
	{"proof-untrusted", "proof -k rival.pub record.tlog-proof", 1, "cqverify-proof", ""},
	{"proof-consistency", "proof -k pilot.pub both.consistency-proof", 0, "cqverify-proof", ""},
	{"proof-several", "proof -k pilot.pub record.tlog-proof edited.tlog-proof logs", 3, "cqverify-proofs", "table markdown csv json junit"},
}

var extensions = map[string]string{"table": ".txt", "markdown": ".md", "csv": ".csv", "json": ".json", "junit": ".xml"}

func TestGolden(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the golden files have Unix's file names and error messages")
	}
	golden, err := filepath.Abs(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	schemas := compileSchemas(t)
	t.Chdir(goldenFiles(t))
	kept := make(map[string]bool)
	for _, tt := range goldenCases {
		formats := strings.Fields(tt.formats)
		if len(formats) == 0 {
			formats = []string{"table", "json"}
		}
		for _, format := range formats {
			file := tt.name + extensions[format]
			kept[file] = true
			t.Run(file, func(t *testing.T) {
				code, got, stderr := run(context.Background(), nil, append(strings.Fields(tt.args), "--format", format)...)
				if code != tt.code {
					t.Fatalf("exit code %d, want %d\n%s", code, tt.code, stderr)
				}
				if format == "json" {
					validate(t, schemas[tt.schema], got)
				}
				if format == "table" {
					checkWidth(t, got)
				}
				compareGolden(t, filepath.Join(golden, file), withoutRandom(got))
			})
		}
	}
	entries, err := os.ReadDir(golden)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !kept[e.Name()] {
			t.Errorf("%s belongs to no case", e.Name())
		}
	}
}

func checkWidth(t *testing.T, page string) {
	t.Helper()
	for line := range strings.Lines(page) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

var origin16 = regexp.MustCompile(`cqkit/flight-log/v1/[0-9a-f]{32}`)

// withoutRandom replaces what is random in a seal.
func withoutRandom(page string) string {
	return origin16.ReplaceAllString(page, "cqkit/flight-log/v1/00000000000000000000000000000000")
}

func compareGolden(t *testing.T, path, got string) {
	t.Helper()
	if clitest.Update() {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// compileSchemas compiles the schemas of cqverify's reports, by name.
func compileSchemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "docs", "schema", "cqverify-*.json"))
	if err != nil {
		t.Fatal(err)
	}
	schemas := make(map[string]*jsonschema.Schema)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, file := range files {
		if schemas[strings.TrimSuffix(filepath.Base(file), ".json")], err = c.Compile(file); err != nil {
			t.Fatal(err)
		}
	}
	return schemas
}

func validate(t *testing.T, schema *jsonschema.Schema, text string) {
	t.Helper()
	if schema == nil {
		t.Fatal("there is no such schema")
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}
