package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
)

func TestMain(m *testing.M)    { clitest.Main(m, newCommand) }
func TestScripts(t *testing.T) { clitest.Scripts(t) }
func TestHelp(t *testing.T)    { clitest.Help(t, newCommand) }

// run runs cqkeygen and returns its exit code and what it printed.
func run(ctx context.Context, stdin io.Reader, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = cli.Run(ctx, newCommand(), cli.Env{Args: args, Stdin: stdin, Stdout: &out, Stderr: &errs})
	return code, out.String(), errs.String()
}

// TestInterrupted: an interrupted cqkeygen exits 130 and leaves nothing half
// done.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{
		{"-o", filepath.Join(dir, "k")},
		{"root", "-o", filepath.Join(dir, "r")},
		{"inspect", "-"},
		{"public", "-"},
	} {
		if code, stdout, stderr := run(ctx, strings.NewReader("x"), args...); code != 130 {
			t.Errorf("%v: exit %d\n%s%s", args, code, stdout, stderr)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// TestSchema validates real output against docs/schema/cqkeygen-inspect.json.
func TestSchema(t *testing.T) {
	files := testFiles(t, "keys", "test-*")
	value := validated(t, "cqkeygen-inspect.json", append([]string{"inspect", "--json"}, files...)...)
	if n := len(value.(map[string]any)["keys"].([]any)); n != len(files) {
		t.Errorf("%d keys reported, want %d", n, len(files))
	}
}

// testFiles returns the files of testdata that fit a pattern.
func testFiles(t *testing.T, folder, pattern string) []string {
	t.Helper()
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "testdata", folder, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s in testdata/%s: %v", pattern, folder, err)
	}
	return files
}

// validated runs cqkeygen and returns the JSON it prints, which must fit a schema.
func validated(t *testing.T, schema string, args ...string) any {
	t.Helper()
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := jsonschema.NewCompiler().Compile(filepath.Join(root, "docs", "schema", schema))
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := run(context.Background(), nil, args...)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%v\n%s", err, stdout)
	}
	return value
}

// TestExamples runs the examples of the help, in order and in one folder, but
// for those that ask the terminal, which stand further to the right. Those of revoke
// and of trust and its subcommands begin from nothing, each in a folder of its own.
func TestExamples(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("the examples are for a shell, and there is none")
	}
	t.Setenv("PATH", clitest.Build(t, "cqkeygen")+string(filepath.ListSeparator)+os.Getenv("PATH"))
	shared, n := t.TempDir(), 0
	root := newCommand()
	all := append([]*cobra.Command{root}, root.Commands()...)
	for _, cmd := range root.Commands() {
		all = append(all, cmd.Commands()...)
	}
	for _, cmd := range all {
		dir := shared
		if strings.Contains(cmd.CommandPath(), "trust") || cmd.Name() == "revoke" {
			dir = t.TempDir()
		}
		for line := range strings.Lines(cmd.Example) {
			example, ok := strings.CutPrefix(line, "    $ ")
			if !ok {
				continue
			}
			run := exec.Command(sh, "-ec", example)
			run.Dir = dir
			if out, err := run.CombinedOutput(); err != nil {
				t.Errorf("$ %s%s%v", example, out, err)
			}
			n++
		}
	}
	if n < 25 {
		t.Errorf("only %d examples", n)
	}
}
