package clitest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cqkit/cmd/internal/cli"
)

// Help checks the help of a program and of its subcommands: that it is written in
// full, names every option there is and none that is not, fits 80 columns, and that
// the page docs/cmd/NAME.md says the same. With -update the page is renewed.
func Help(t *testing.T, newCommand func() *cobra.Command) {
	t.Helper()
	root := newCommand()
	page := cli.Page(root)
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "completion" {
			return
		}
		for _, problem := range HelpProblems(cmd) {
			t.Errorf("help of %s: %s", cmd.CommandPath(), problem)
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
	module, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, filepath.Join(module, "docs", "cmd", root.Name()+".md"), page)
}

var longOption = regexp.MustCompile(`(?:^|[\s\[(|/,])--([a-z][a-z0-9-]*)`)

// HelpProblems returns what is wrong with the help of one command, for Help to report.
func HelpProblems(cmd *cobra.Command) []string {
	var problems []string
	if !strings.HasPrefix(strings.TrimLeft(cmd.Long, "\n"), "Usage:\n    ") {
		problems = append(problems, `Long does not begin with "Usage:" and an indented line`)
	}
	if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") || strings.ToLower(cmd.Short[:1]) != cmd.Short[:1] {
		problems = append(problems, "Short is not a lower-case phrase without a period")
	}
	if !strings.Contains(cmd.Example, "\n    $ ") && !strings.HasPrefix(cmd.Example, "    $ ") {
		problems = append(problems, `Example has no line that begins with four spaces and "$ "`)
	}
	known := map[string]bool{"help": true, "quiet": true, "version": true}
	for _, set := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
		set.VisitAll(func(f *pflag.Flag) {
			if f.Hidden || known[f.Name] {
				return
			}
			known[f.Name] = true
			if !regexp.MustCompile(`--` + f.Name + `\b`).MatchString(cmd.Long) {
				problems = append(problems, "--"+f.Name+" is not described")
			}
			if f.Shorthand != "" && !regexp.MustCompile(`(^|[\s\[(|,])-`+f.Shorthand+`\b`).MatchString(cmd.Long) {
				problems = append(problems, "-"+f.Shorthand+" is not described")
			}
		})
	}
	for _, sub := range cmd.Commands() { // an overview may name what belongs to a subcommand
		sub.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
	}
	for _, match := range longOption.FindAllStringSubmatch(cmd.Long, -1) {
		if !known[match[1]] {
			problems = append(problems, "--"+match[1]+" does not exist")
		}
	}
	for line := range strings.Lines(cli.Help(cmd)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case utf8.RuneCountInString(line) > 80:
			problems = append(problems, "line over 80 columns: "+line)
		case strings.Contains(line, "\t"):
			problems = append(problems, "tab in: "+line)
		case strings.HasSuffix(line, " "):
			problems = append(problems, "space at the end of: "+line)
		}
	}
	return problems
}

// checkPage compares a generated page with the file, or writes it.
func checkPage(t *testing.T, path, page string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if string(old) == page {
		return
	}
	if !*update {
		t.Errorf("docs/cmd/%s is stale; renew it with -update", filepath.Base(path))
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
}
