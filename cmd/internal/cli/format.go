package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/pkg/report"
)

// Reports is where and in which form a command prints its report, as the user
// asked for it with -o/--output, --format, --json and --force.
type Reports struct {
	// Output is the file, "" or "-" for standard output.
	Output string
	// Format is one of the formats the command has.
	Format report.Format
	// Force replaces a file that is there.
	Force bool

	formats []report.Format
	given   bool
}

// AddReportFlags declares -o/--output, --format with the formats named, the first
// of them the default, --json as a short form if it is among them, and --force.
// The result is filled in when the command runs.
func AddReportFlags(cmd *cobra.Command, formats ...report.Format) *Reports {
	r := &Reports{Format: formats[0], formats: formats}
	cmd.Flags().StringVarP(&r.Output, "output", "o", "", "write the report to this file")
	cmd.Flags().BoolVar(&r.Force, "force", false, "replace the file if it exists")
	cmd.Flags().Var((*formatValue)(r), "format", "form of the report: "+r.names())
	if slices.Contains(formats, report.JSON) {
		cmd.Flags().Var((*jsonValue)(r), "json", "short for --format json")
		cmd.Flags().Lookup("json").NoOptDefVal = "true"
	}
	cmd.RegisterFlagCompletionFunc("format", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return strings.Split(r.names(), ", "), cobra.ShellCompDirectiveNoFileComp
	})
	return r
}

func (r *Reports) names() string {
	names := make([]string, len(r.formats))
	for i, f := range r.formats {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

func (r *Reports) set(f report.Format) error {
	if !slices.Contains(r.formats, f) {
		return fmt.Errorf("not one of %s", r.names())
	}
	if r.given && r.Format != f {
		return fmt.Errorf("%q was asked for as well", r.Format)
	}
	r.Format, r.given = f, true
	return nil
}

// Open opens the output and says how its text may look. The caller writes the
// report, calls Commit, and defers Close.
func (r *Reports) Open(cmd *cobra.Command) (*Output, report.Style, error) {
	out, err := Create(cmd, r.Output, CreateOptions{Force: r.Force})
	if err != nil {
		return nil, report.Style{}, err
	}
	return out, report.Style{Width: Width(out.w), Color: Color(out.w)}, nil
}

// Write opens the output, lets write fill it and commits it.
func (r *Reports) Write(cmd *cobra.Command, write func(w io.Writer, style report.Style) error) error {
	out, style, err := r.Open(cmd)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := write(out, style); err != nil {
		return err
	}
	return out.Commit()
}

// formatValue is the --format option.
type formatValue Reports

func (v *formatValue) String() string     { return string(v.Format) }
func (v *formatValue) Type() string       { return "format" }
func (v *formatValue) Set(s string) error { return (*Reports)(v).set(report.Format(s)) }

// jsonValue is the --json option, which takes no value.
type jsonValue Reports

func (v *jsonValue) String() string   { return "false" }
func (v *jsonValue) Type() string     { return "bool" }
func (v *jsonValue) IsBoolFlag() bool { return true }

func (v *jsonValue) Set(s string) error {
	if s != "true" {
		return errors.New("it takes no value")
	}
	return (*Reports)(v).set(report.JSON)
}
