package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/bench"
	"cqkit/pkg/bench/figures"
	"cqkit/pkg/report"
)

func TestMain(m *testing.M)    { clitest.Main(m, newCommand) }
func TestHelp(t *testing.T)    { clitest.Help(t, newCommand) }
func TestScripts(t *testing.T) { clitest.Scripts(t) }

func run(t *testing.T, ctx context.Context, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(ctx, newCommand(), cli.Env{Args: args, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs})
	return code, out.String(), errs.String()
}

// save writes a session of this machine with samples around a time, as --save would have with these settings.
func save(t *testing.T, name string, values []float64, settings bench.Settings) string {
	t.Helper()
	s := bench.Session{Machine: bench.ThisMachine(), Settings: settings, Results: []bench.Result{{Name: "hmac/100", Batch: 1, Group: 1, Pieces: 1, Items: 1, Values: values}}}
	var b bytes.Buffer
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func steady(n int, ns float64) (values []float64) {
	for i := range n {
		values = append(values, ns*(1+0.001*float64(i%3)))
	}
	return values
}

var settings = bench.Settings{TimeNS: 20e6, Count: 30, Set: "keys", Inputs: "CCTV's 114 messages"}

// TestVerdicts compares with baselines so far off that no machine's noise can hide it.
func TestVerdicts(t *testing.T) {
	wild := steady(30, 1)
	for i := range wild {
		if i%2 == 0 {
			wild[i] = 1e12
		}
	}
	for _, tt := range []struct {
		name   string
		values []float64
		code   int
		stdout string
	}{
		{"far faster", steady(30, 1), 1, "worse"},
		{"far slower", steady(30, 1e12), 0, "better"},
		{"too few", steady(10, 1), 4, "too_few"},
		{"wild", wild, 4, "undecided"},
	} {
		base := save(t, "base.json", tt.values, settings)
		args := []string{"keys", "--only", "hmac/100", "--time", "20ms", "--count", "30", "--baseline", base}
		if code, stdout, stderr := run(t, t.Context(), append(args, "--fail-on", "regression>10%")...); code != tt.code || !strings.Contains(stdout, tt.stdout) {
			t.Errorf("%s: exit code %d, want %d\n%s%s", tt.name, code, tt.code, stdout, stderr)
		}
		if code, stdout, _ := run(t, t.Context(), args...); code != 0 {
			t.Errorf("%s, without --fail-on: exit code %d\n%s", tt.name, code, stdout)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "saved.json")
	code, stdout, stderr := run(t, ctx, "keys", "--only", "hmac/100", "--time", "20ms", "--save", path)
	if code != 130 || !strings.Contains(stdout, "Nothing was measured.") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("what was interrupted was saved")
	}
}

// TestSchema validates what each subcommand prints.
func TestSchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "cqbench.json"))
	if err != nil {
		t.Fatal(err)
	}
	base := save(t, "base.json", steady(30, 1), settings)
	for _, tt := range []struct {
		code int
		args []string
	}{
		{0, []string{"keys", "--only", "hmac/,hmac4/,sha256/record", "--time", "5ms", "--count", "5"}},
		{0, []string{"limits", "--only", "gcra/one,bound/decision", "--time", "5ms", "--count", "6"}},
		{0, []string{"all", "--only", "hmac/20,nonce/,seal/verify,seal/verify/memory,mldsa87/sign", "--time", "5ms"}},
		{1, []string{"keys", "--only", "hmac/100", "--time", "20ms", "--count", "30", "--baseline", base, "--fail-on", "regression>10%"}},
		{1, []string{"keys", "--only", "hmac/100", "--time", "5ms", "--require", "hmac/100<1ns,hmac/20<1s"}},
	} {
		code, stdout, stderr := run(t, t.Context(), append(tt.args, "--json")...)
		if code != tt.code {
			t.Errorf("%q: exit code %d, want %d\n%s%s", tt.args, code, tt.code, stdout, stderr)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err == nil {
			err = schema.Validate(value)
		}
		if err != nil {
			t.Errorf("%q: %v\n%s", tt.args, err, stdout)
		}
		var report struct{ Results, Violations []struct{ Name string } }
		if err := json.Unmarshal([]byte(stdout), &report); err != nil || len(report.Results) == 0 {
			t.Errorf("%q: %v, %d results", tt.args, err, len(report.Results))
		}
	}
}

func TestScaling(t *testing.T) {
	out := outcome{}
	if list := out.scaling(); len(list) != 0 {
		t.Errorf("without figures: %v", list)
	}
	for name, ns := range map[string]float64{"gcra/one": 40, "gcra/one/2": 20, "gcra/one/3": 16, "gcra/1k": 80, "vegas/gate/2": 100} {
		out.session.Results = append(out.session.Results, bench.Result{Name: name, Batch: 1, Group: 1, Pieces: 1, Items: 1, Values: steady(30, ns)})
	}
	list := out.scaling()
	if len(list) != 2 || list[0].Name != fluxLimiter || list[1].Name != "gcra/one" {
		t.Fatalf("%+v", list)
	}
	for n, want := range map[int]float64{1: 1, 2: 2, 3: 2.5} {
		if got, ok := list[1].at(n); !ok || got != want {
			t.Errorf("%d goroutines: %v, want %v", n, got, want)
		}
	}
	if _, ok := list[1].at(16); ok {
		t.Error("a figure that was not measured")
	}
	var text bytes.Buffer
	page := report.Page{Parts: []report.Part{scalingGrid(list)}}
	if err := page.WriteText(&text, report.Style{}); err != nil || !strings.Contains(text.String(), "gcra/one      1.0×  2.0×  2.5×") {
		t.Errorf("%v\n%s", err, &text)
	}
}

func TestScaled(t *testing.T) {
	for _, tt := range []struct {
		ns     float64
		digits int
		want   string
	}{
		{246_123, 3, "246 µs"}, {246_123, 2, "250 µs"}, {999.6, 3, "1.00 µs"}, {2.71, 2, "2.7 ns"}, {1.31e9, 3, "1.31 s"}, {2e12, 2, "2000 s"}, {0.12, 2, "0.12 ns"},
	} {
		if got := duration(tt.ns, tt.digits); got != tt.want {
			t.Errorf("%v in %d digits: %q, want %q", tt.ns, tt.digits, got, tt.want)
		}
	}
}

func TestHistorySchema(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", "cqbench-history.json"))
	if err != nil {
		t.Fatal(err)
	}
	first, second := save(t, "a.json", steady(30, 100), settings), save(t, "b.json", steady(30, 130), settings)
	code, stdout, stderr := run(t, t.Context(), "history", first, second, "--json")
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil || code != 0 || !strings.Contains(stdout, `"verdict": "worse"`) {
		t.Errorf("exit code %d: %v\n%s%s", code, err, stdout, stderr)
	}
}

// TestWidth prints the table of keys with the longest cells there are: on 80 columns it must be one.
func TestWidth(t *testing.T) {
	out := outcome{figures: figures.Keys(figures.CCTV()).Figures, session: bench.Session{Machine: bench.ThisMachine()}}
	for _, f := range out.figures {
		values := steady(30, 920)
		for i := range values {
			values[i] *= 1 + float64(i%7)/20 // noisy, from nanoseconds to microseconds
		}
		out.session.Results = append(out.session.Results, bench.Result{Name: f.Name, Batch: 1, Group: 1, Pieces: 1, Items: 1, Bytes: f.Bytes, Allocs: 11.234, Values: values})
	}
	var text bytes.Buffer
	if err := out.page("keys").WriteText(&text, report.Style{}); err != nil {
		t.Fatal(err)
	}
	if strings.Count(text.String(), "Figure ") != 1 { // otherwise there is one a figure
		t.Errorf("the table is none:\n%s", &text)
	}
}
