package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// exitTexts is what the codes mean unless [SetExit] says more. A code without a
// text here is one that not every program has.
var exitTexts = map[int]string{
	codeDone:        "done; for a check, the answer is yes",
	codeUsage:       "called wrongly: unknown option, missing argument, contradiction",
	codeFailed:      "could not do it: a file, the network, a key that does not parse",
	codeInterrupted: "interrupted; what was found so far is still printed",
}

const exitKey = "cli.exit."

// SetExit says in one line what an exit code means for cmd and its subcommands, as
// their help shows it; "" means that they never return it. Codes 0, 2, 3 and 130
// have a text without it; 1 and 4 are listed only for commands that set one.
func SetExit(cmd *cobra.Command, code int, text string) {
	annotate(cmd, exitKey+strconv.Itoa(code), text)
}

func exitText(cmd *cobra.Command, code int) string {
	for c := cmd; c != nil; c = c.Parent() {
		if text, ok := c.Annotations[exitKey+strconv.Itoa(code)]; ok {
			return text
		}
	}
	return exitTexts[code]
}

// Help returns the command's help as --help prints it: its Long, which is written
// by hand and begins with "Usage:", the subcommands, the options that all programs
// have, the exit codes and its Example, with "$ " before what can be pasted. In
// all of them {{PROGRAM}} stands for the program's name.
func Help(cmd *cobra.Command) string {
	prepare(cmd.Root())
	var b strings.Builder
	b.WriteString(strings.Trim(cmd.Long, "\n"))
	if cmd.Long == "" {
		fmt.Fprintf(&b, "Usage:\n    %s\n\n%s", cmd.UseLine(), cmd.Short)
		if flags := strings.TrimRight(cmd.LocalNonPersistentFlags().FlagUsages(), "\n"); flags != "" {
			fmt.Fprintf(&b, "\n\nOptions:\n%s", flags)
		}
	}
	b.WriteString("\n")
	if list := subcommands(cmd); len(list) > 0 && !strings.Contains(cmd.Long, "\nCommands:\n") {
		b.WriteString("\nCommands:\n")
		for _, sub := range list {
			fmt.Fprintf(&b, "    %-12s %s\n", sub.Name(), sub.Short)
		}
	}
	b.WriteString("\nCommon options:\n    -q, --quiet     print nothing but errors on standard error\n    -h, --help      print this help\n")
	if !cmd.HasParent() {
		b.WriteString("        --version   print the version\n")
	}
	b.WriteString("\nExit codes:\n")
	for _, code := range []int{0, 1, 2, 3, 4, 130} {
		if text := exitText(cmd, code); text != "" {
			fmt.Fprintf(&b, "    %-5d%s\n", code, text)
		}
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", strings.Trim(cmd.Example, "\n"))
	}
	return strings.ReplaceAll(b.String(), "{{PROGRAM}}", cmd.Root().Name())
}

func subcommands(cmd *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			list = append(list, sub)
		}
	}
	return list
}

// Page returns the command page of root as Markdown: the help of the program and
// of each of its subcommands, word for word. Pages under docs/cmd are made of it.
func Page(root *cobra.Command) string {
	prepare(root)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", root.Name(), sentence(root.Short))
	b.WriteString("\n<!-- Made from the program's help; renew with: go test ./cmd/" + root.Name() + " -update -->\n")
	walk(root, func(cmd *cobra.Command) {
		if cmd != root && !cmd.IsAvailableCommand() {
			return
		}
		if cmd.HasParent() {
			fmt.Fprintf(&b, "\n## %s\n\n%s\n", cmd.CommandPath(), sentence(cmd.Short))
		}
		fmt.Fprintf(&b, "\n```text\n%s```\n", Help(cmd))
	})
	return b.String()
}

// sentence makes a sentence of a short description.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}
