package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/report"
)

func TestMain(m *testing.M)    { clitest.Main(m, newCommand) }
func TestScripts(t *testing.T) { clitest.Scripts(t) }

// newCommand is a program as the five are, whose help and errors the scripts see.
func newCommand() *cobra.Command {
	var reports *cli.Reports
	root := &cobra.Command{
		Use:   "cqtest",
		Short: "judge whether files contain a word",
		Long: `Usage:
    cqtest [-w WORD] [--format FORMAT] [-o FILE] FILE...

Says of each FILE whether it contains a word.

Options:
    -w, --word WORD      the word to look for (default "good")
    -o, --output FILE    write the report to FILE
        --format FORMAT  table or json
        --json           short for --format json
        --force          replace FILE`,
		Example: "    $ cqtest -w wheat field.txt",
		Args:    cobra.MinimumNArgs(1),
	}
	cli.SetExit(root, 1, "judged, and the answer is no: a word is missing")
	word := root.Flags().StringP("word", "w", "good", "")
	reports = cli.AddReportFlags(root, report.Table, report.JSON)
	root.RunE = func(cmd *cobra.Command, args []string) error {
		var results []error
		for _, name := range args {
			in, err := cli.Open(cmd, name)
			if err != nil {
				results = append(results, cli.Report(cmd, err))
				continue
			}
			defer in.Close()
			text, err := io.ReadAll(in)
			if err != nil {
				return err
			}
			if !strings.Contains(string(text), *word) {
				results = append(results, cli.Rejected(nil))
			}
		}
		err := reports.Write(cmd, func(w io.Writer, _ report.Style) error {
			_, err := fmt.Fprintf(w, "%d of %d\n", len(args)-len(results), len(args))
			return err
		})
		return errors.Join(append(results, err)...)
	}
	ask := &cobra.Command{
		Use: "ask", Short: "ask for a passphrase",
		Long: "Usage:\n    cqtest ask", Example: "    $ cqtest ask",
		RunE: func(cmd *cobra.Command, _ []string) error {
			pass, err := cli.NewPassphrase(cmd, "passphrase: ")
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%d bytes\n", len(pass))
			}
			return err
		},
	}
	cli.SetExit(ask, 1, "")
	wait := &cobra.Command{
		Use: "wait", Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, err := cli.Create(cmd, "half", cli.CreateOptions{})
			if err != nil {
				return err
			}
			defer out.Close()
			progress := cli.NewProgress(cmd, "waiting", "logs", 10)
			defer progress.Stop()
			fmt.Fprintln(cmd.OutOrStdout(), "ready")
			<-cmd.Context().Done()
			if word := cmd.Flags().Lookup("stubborn").Value.String(); word == "true" {
				time.Sleep(time.Minute)
			}
			return cmd.Context().Err()
		},
	}
	wait.Flags().Bool("stubborn", false, "")
	service := &cobra.Command{
		Use: "service [BROKEN]", Hidden: true, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fmt.Fprintln(cmd.OutOrStdout(), "ready")
			<-cmd.Context().Done()
			if len(args) > 0 {
				return errors.New("cut off")
			}
			return nil
		},
	}
	cli.EndOnTerminate(service)
	root.AddCommand(ask, wait, service)
	return root
}

func TestHelpIsChecked(t *testing.T) {
	newCommand := func(change func(*cobra.Command)) string {
		cmd := newCommand()
		change(cmd)
		return strings.Join(clitest.HelpProblems(cmd), "; ")
	}
	tests := []struct {
		name   string
		change func(*cobra.Command)
		want   string
	}{
		{"as it is", func(*cobra.Command) {}, ""},
		{"undescribed flag", func(c *cobra.Command) { c.Flags().BoolP("extra", "x", false, "") }, "--extra is not described; -x is not described"},
		{"flag that is not there", func(c *cobra.Command) { c.Long += "\n        --gone   went away" }, "--gone does not exist"},
		{"long line", func(c *cobra.Command) { c.Long += "\n" + strings.Repeat("x", 81) }, "line over 80 columns: " + strings.Repeat("x", 81)},
		{"tab", func(c *cobra.Command) { c.Long += "\na\tb" }, "tab in: a\tb"},
		{"trailing space", func(c *cobra.Command) { c.Long += "\na " }, "space at the end of: a "},
		{"no example", func(c *cobra.Command) { c.Example = "" }, `Example has no line that begins with four spaces and "$ "`},
		{"short", func(c *cobra.Command) { c.Short = "Judge things." }, "Short is not a lower-case phrase without a period"},
		{"long", func(c *cobra.Command) { c.Long = "Judges things" + strings.TrimPrefix(c.Long, "Usage:") }, `Long does not begin with "Usage:" and an indented line`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newCommand(tt.change); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// start runs a command of cqtest that waits as a process of its own in an empty folder.
func start(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to send to another process")
	}
	cmd := exec.Command("cqtest", args...)
	cmd.Dir = t.TempDir()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	return cmd, &stderr
}

func TestSignals(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd, stderr := start(t, "wait")
		cmd.Process.Signal(sig)
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 || stderr.String() != "cqtest: error: interrupted\n" {
			t.Errorf("%v: %v, stderr %q", sig, err, stderr)
		}
		if list, _ := os.ReadDir(cmd.Dir); len(list) != 0 {
			t.Errorf("%v left %v", sig, list)
		}
	}
}

// TestOrdinaryEnd ends a service by the signal that is meant for that, and by the other.
func TestOrdinaryEnd(t *testing.T) {
	for _, tt := range []struct {
		sig  os.Signal
		args []string
		code int
	}{
		{syscall.SIGTERM, []string{"service"}, 0},
		{syscall.SIGTERM, []string{"service", "broken"}, 3},
		{os.Interrupt, []string{"service"}, 130},
		{os.Interrupt, []string{"service", "broken"}, 130},
	} {
		cmd, stderr := start(t, tt.args...)
		cmd.Process.Signal(tt.sig)
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != tt.code {
			t.Errorf("%v ends %q with exit code %d, want %d: %s", tt.sig, tt.args, code, tt.code, stderr)
		}
	}
}

func TestSecondSignal(t *testing.T) {
	cmd, _ := start(t, "wait", "--stubborn")
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		cmd.Process.Signal(os.Interrupt)
		select {
		case err := <-ended:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() == 130 {
				t.Errorf("ended with %v, want death by the signal", err)
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{"bash": "__start_cqtest", "zsh": "#compdef cqtest", "fish": "complete -c cqtest"} {
		var out bytes.Buffer
		code := cli.Run(context.Background(), newCommand(), cli.Env{Args: []string{"completion", shell}, Stdout: &out})
		if code != 0 || !strings.Contains(out.String(), want) {
			t.Errorf("%s: code %d, script without %q", shell, code, want)
		}
		if path, err := exec.LookPath(shell); err == nil {
			check := exec.Command(path, "-n")
			check.Stdin = &out
			if msg, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s does not read its script: %v\n%s", shell, err, msg)
			}
		} else if os.Getenv("CQKIT_REQUIRE") == "all" {
			t.Errorf("no %s to read its script: %v", shell, err)
		} else {
			t.Logf("no %s here to read its script", shell)
		}
	}
	var out bytes.Buffer
	cli.Run(context.Background(), newCommand(), cli.Env{Args: []string{"__complete", "--format", ""}, Stdout: &out})
	if !strings.HasPrefix(out.String(), "table\njson\n") {
		t.Errorf("completing --format: %q", &out)
	}
}
