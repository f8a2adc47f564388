package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const preparedKey = "cli.prepared"

// prepare completes the command tree, once.
func prepare(root *cobra.Command) {
	if root.Annotations[preparedKey] != "" {
		return
	}
	annotate(root, preparedKey, "yes")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().BoolP("quiet", "q", false, "print nothing but errors")
	root.PersistentFlags().BoolP("help", "h", false, "print this help")
	root.Flags().Bool("version", false, "print the version")
	root.Version = Version()
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		io.WriteString(cmd.OutOrStdout(), Help(cmd))
	})
	root.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // --help does
	root.AddCommand(completionCommand())
	walk(root, complete)

	preRun := root.PersistentPreRunE
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		s := of(cmd)
		s.mu.Lock()
		s.quiet, _ = cmd.Flags().GetBool("quiet")
		s.mu.Unlock()
		if preRun != nil {
			return preRun(cmd, args)
		}
		return nil
	}
}

// complete gives a command what it left out, and marks the moment its own work
// begins.
func complete(cmd *cobra.Command) {
	if !cmd.Runnable() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = needSubcommand
		return
	}
	if cmd.Args == nil {
		cmd.Args = noArgs
	}
	run, runE := cmd.Run, cmd.RunE
	cmd.Run = nil
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		of(cmd).started = true
		if runE != nil {
			return runE(cmd, args)
		}
		run(cmd, args)
		return nil
	}
}

func annotate(cmd *cobra.Command, key, value string) {
	if cmd.Annotations == nil {
		cmd.Annotations = make(map[string]string)
	}
	cmd.Annotations[key] = value
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return nil
}

// needSubcommand runs where only a subcommand makes sense.
func needSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return seeHelp(cmd, Usagef("no command given"))
	}
	err := Usagef("unknown command %q", args[0])
	if name := closestCommand(cmd, args[0]); name != "" {
		return Hint(err, "did you mean %q?", cmd.CommandPath()+" "+name)
	}
	return seeHelp(cmd, err)
}

func seeHelp(cmd *cobra.Command, err error) error {
	return Hint(err, "see %q", cmd.CommandPath()+" --help")
}

// usageError classifies an error that came up before the command's own work.
func usageError(cmd *cobra.Command, err error) error {
	var c *coded
	if errors.As(err, &c) {
		return err
	}
	err = Usage(err)
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		if name := closest(cmd, unknown.GetSpecifiedName()); name != "" {
			return Hint(err, "did you mean --%s?", name)
		}
	}
	var h *hinted
	if errors.As(err, &h) {
		return err
	}
	return seeHelp(cmd, err)
}

// closest returns the flag of cmd that is spelled most like name, or "" if none
// is within two changes.
func closest(cmd *cobra.Command, name string) string {
	best, least := "", 3
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		d := distance(name, f.Name)
		if strings.HasPrefix(f.Name, name) && len(name) >= 3 {
			d = 1
		}
		if d < least && d < len(f.Name) {
			best, least = f.Name, d
		}
	})
	return best
}

// closestCommand returns the subcommand of cmd that is spelled most like name, or
// "" if none is within two changes.
func closestCommand(cmd *cobra.Command, name string) string {
	best, least := "", 3
	for _, sub := range subcommands(cmd) {
		if d := distance(name, sub.Name()); d < least && d < len(sub.Name()) {
			best, least = sub.Name(), d
		}
	}
	return best
}

// distance is the number of bytes to change, add or drop to get from a to b
// (Levenshtein).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// Version returns what --version prints after the program's name: the module's
// version, or the revision of a build from a checkout, then Go's version and the
// platform. It contains no time, so that two builds of one commit are the same.
func Version() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && version == "(devel)" {
				version = s.Value
			}
		}
	}
	return fmt.Sprintf("%s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// completionCommand prints the completion script of a shell.
func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "print the completion script of a shell",
		Long: `Usage:
    {{PROGRAM}} completion bash|zsh|fish

Prints a script that lets the shell complete {{PROGRAM}}'s options and files.
It is read at the start of each shell, from the shell's own start file or from
the folder where it looks for such scripts.`,
		Example: `    bash, in ~/.bashrc:
        source <({{PROGRAM}} completion bash)
    zsh, in a folder of $fpath:
        {{PROGRAM}} completion zsh > _{{PROGRAM}}
    fish:
        {{PROGRAM}} completion fish > ~/.config/fish/completions/{{PROGRAM}}.fish`,
		Args:      completionArgs,
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			default:
				return root.GenFishCompletion(out, true)
			}
		},
	}
}

func completionArgs(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("name one shell: bash, zsh or fish")
	}
	return cobra.OnlyValidArgs(cmd, args)
}
