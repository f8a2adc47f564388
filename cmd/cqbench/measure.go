package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench"
	"cqkit/pkg/bench/figures"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// gobench is the form that go test -bench prints.
const gobench report.Format = "gobench"

// options are the flags of all subcommands.
type options struct {
	messages string
	log      string
	cpu      []int

	only     []string
	time     time.Duration
	count    int
	require  []string
	save     string
	baseline string
	failOn   string
	reports  *cli.Reports

	dry     bool // files are not to be opened yet
	set     string
	inputs  string // that the figures work on, in words
	cmd     *cobra.Command
	replace bool // files
	force   bool // a baseline that does not fit
	figures []figures.Figure
	sizes   []figures.Size
}

// addInputs says what the next figures work on.
func (o *options) addInputs(text string) {
	if o.inputs != "" {
		o.inputs += "; "
	}
	o.inputs += text
}

// addTo declares the flags that all subcommands have, and what the command does.
func (o *options) addTo(cmd *cobra.Command, set string, sets func(*options) (figures.Set, error)) {
	o.set = set
	f := cmd.Flags()
	f.StringSliceVar(&o.only, "only", nil, "these figures")
	f.DurationVar(&o.time, "time", bench.DefaultTime, "how long to measure each figure")
	f.IntVar(&o.count, "count", bench.DefaultCount, "samples of each figure")
	f.StringArrayVar(&o.require, "require", nil, "what a figure must keep")
	f.StringVar(&o.save, "save", "", "keep all samples")
	f.StringVar(&o.baseline, "baseline", "", "compare with what was saved")
	f.StringVar(&o.failOn, "fail-on", "", "what must not be")
	f.BoolVar(&o.replace, "replace", false, "replace files that exist")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit, gobench, report.HTML)
	cli.SetExit(cmd, 1, "a figure got worse, or is not as required")
	cli.SetExit(cmd, 4, "too much noise, or too few samples, to tell that")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.cmd = cmd
		if o.time <= 0 || o.count < 5 || o.count > bench.MaxCount {
			return cli.Usagef("--time must be above 0, and --count from 5 to %d", bench.MaxCount)
		}
		o.force, o.reports.Force = o.reports.Force, o.replace
		// Names do not depend on files, and are checked before any is opened.
		for _, o.dry = range []bool{true, false} {
			o.inputs = ""
			set, err := sets(o)
			if err != nil {
				return err
			}
			o.figures, o.sizes = set.Figures, set.Sizes
			if err := o.check(); err != nil {
				return err
			}
		}
		return o.run()
	}
}

// outcome is all there is to report.
type outcome struct {
	figures  []figures.Figure
	sizes    []figures.Size // to be counted
	session  bench.Session
	required []bench.Required
	changes  []bench.Change
	matters  float64
	judged   bool // changes decide
	warnings []string
}

// check refuses names that there are not.
func (o *options) check() error {
	_, _, err := o.thresholds()
	if err == nil {
		_, _, err = o.choose()
	}
	return err
}

func (o *options) run() error {
	exprs, matters, err := o.thresholds()
	if err != nil {
		return err
	}
	out := &outcome{matters: matters, judged: o.failOn != ""}
	if out.figures, out.sizes, err = o.choose(); err != nil {
		return err
	}
	out.session = bench.Session{Machine: bench.ThisMachine(), Settings: bench.Settings{TimeNS: int64(o.time), Count: o.count, Set: o.set, Inputs: o.inputs}}
	out.warnings = out.session.Machine.Warnings()
	base, err := o.readBaseline(out)
	if err != nil {
		return err
	}
	if err := refuseExisting(o.replace, o.save, o.reports.Output); err != nil {
		return err
	}
	var save *cli.Output
	if o.save != "" {
		if save, err = cli.Create(o.cmd, o.save, cli.CreateOptions{Force: o.replace}); err != nil {
			return err
		}
		defer save.Close()
	}
	interrupted := out.measure(o)
	if interrupted != nil && !errors.Is(interrupted, context.Canceled) {
		return interrupted
	}
	out.required = bench.Judge(exprs, out.session.Results, out.session.Sizes)
	if base != nil {
		if out.changes, err = bench.Compare(base.Results, out.session.Results, matters); err != nil && interrupted == nil {
			return err
		}
	}
	if err := o.print(out); err != nil {
		return err
	}
	if save != nil && interrupted == nil {
		if err := out.session.Write(save); err != nil {
			return err
		}
		if err := save.Commit(); err != nil {
			return err
		}
	}
	return errors.Join(interrupted, out.verdict())
}

// refuseExisting is what package cli does, with the name that the option has here: --force is about sessions that do
// not fit.
func refuseExisting(replace bool, names ...string) error {
	for _, name := range names {
		if info, err := os.Lstat(name); name != "-" && err == nil && info.Mode().IsRegular() && !replace {
			return cli.Hint(fmt.Errorf("%q already exists", name), "use --replace to overwrite it")
		}
	}
	return nil
}

func (out *outcome) measure(o *options) (err error) {
	progress := cli.NewProgress(o.cmd, "measuring", "rounds", 0)
	defer progress.Stop()
	contenders := make([]bench.Contender, len(out.figures))
	for i, f := range out.figures {
		contenders[i] = f.Contender
	}
	out.session.Results, err = bench.Run(o.cmd.Context(), contenders, bench.Config{Time: o.time, Count: o.count, Progress: func(done, all int) {
		progress.Tell(fmt.Sprintf("round %d of %d", done, all))
	}})
	for _, s := range out.sizes {
		if err != nil {
			return err
		}
		one := bench.Size{Name: s.Name, Per: s.Per}
		if one.Bytes, err = s.Count(); err == nil {
			out.session.Sizes = append(out.session.Sizes, one)
			err = o.cmd.Context().Err()
		}
	}
	return err
}

// thresholds reads --require and --fail-on.
func (o *options) thresholds() (exprs []stat.Expr, matters float64, err error) {
	for _, text := range o.require {
		list, err := stat.ParseList(text, func(name string) []stat.Kind {
			for _, f := range o.figures {
				if f.Name == name {
					return f.Kinds()
				}
			}
			for _, s := range o.sizes {
				if s.Name == name {
					return []stat.Kind{stat.Bytes}
				}
			}
			return nil
		})
		if err != nil {
			return nil, 0, cli.Hint(cli.Usage(err), "%s measures %s", o.set, strings.Join(o.names(), ", "))
		}
		exprs = append(exprs, list...)
	}
	if o.failOn == "" {
		return exprs, 0.1, nil
	}
	if o.baseline == "" {
		return nil, 0, cli.Usagef("--fail-on needs a --baseline")
	}
	e, err := stat.Parse(o.failOn, func(name string) []stat.Kind {
		if name == "regression" {
			return []stat.Kind{stat.Ratio}
		}
		return nil
	})
	if err == nil && (e.Op != stat.Greater || e.Value <= 0 || e.Value > 10) {
		err = &stat.SyntaxError{Text: o.failOn, Problem: "it must be above a share of more than 0 and at most 1000%"}
	}
	if err != nil {
		return nil, 0, cli.Hint(cli.Usage(err), "try --fail-on 'regression>10%%'")
	}
	return exprs, e.Value, nil
}

// names are those of all figures and sizes.
func (o *options) names() (out []string) {
	for _, f := range o.figures {
		out = append(out, f.Name)
	}
	for _, s := range o.sizes {
		out = append(out, s.Name)
	}
	return out
}

// chooseNames returns those of names that --only names, or all, in their order.
func chooseNames(names, only []string) ([]string, error) {
	if len(only) == 0 {
		return names, nil
	}
	chosen := map[string]bool{}
	for _, text := range only {
		found := false
		for _, name := range names {
			if name == text || strings.HasSuffix(text, "/") && strings.HasPrefix(name, text) {
				chosen[name], found = true, true
			}
		}
		if !found {
			return nil, cli.Hint(cli.Usagef("there is no figure %q", text), "there are %s", strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !chosen[name] }), nil
}

// choose returns the figures and sizes named by --only, or all.
func (o *options) choose() ([]figures.Figure, []figures.Size, error) {
	if len(o.only) == 0 {
		return o.figures, o.sizes, nil
	}
	names, err := chooseNames(o.names(), o.only)
	if err != nil {
		return nil, nil, err
	}
	chosen := map[string]bool{}
	for _, name := range names {
		chosen[name] = true
	}
	list := slices.DeleteFunc(slices.Clone(o.figures), func(f figures.Figure) bool { return !chosen[f.Name] })
	if len(list) == 0 {
		return nil, nil, cli.Usagef("--only names no figure that takes time")
	}
	return list, slices.DeleteFunc(slices.Clone(o.sizes), func(s figures.Size) bool { return !chosen[s.Name] }), nil
}

// readSession reads what --save wrote.
func readSession(cmd *cobra.Command, name string) (*bench.Session, error) {
	in, err := cli.Open(cmd, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, bench.MaxSessionBytes+1))
	if err != nil {
		return nil, err
	}
	s, err := bench.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name, err)
	}
	return s, nil
}

// differences names what keeps two sessions from being compared.
func differences(a, b *bench.Session) []string {
	list := a.Machine.Differences(&b.Machine)
	if a.Settings != b.Settings {
		list = append(list, "settings")
	}
	return list
}

// readBaseline reads --baseline and refuses what cannot be compared; with --force it warns.
func (o *options) readBaseline(out *outcome) (*bench.Session, error) {
	if o.baseline == "" {
		return nil, nil
	}
	base, err := readSession(o.cmd, o.baseline)
	if err != nil {
		return nil, err
	}
	differ := differences(&out.session, base)
	if len(differ) > 0 {
		text := fmt.Sprintf("%s was measured elsewhere or otherwise: not the same %s", o.baseline, strings.Join(differ, ", "))
		if !o.force {
			return nil, cli.Hint(errors.New(text), "use the same machine and options, or --force to compare nevertheless")
		}
		out.warnings = append(out.warnings, text)
	}
	common, missing := 0, []string{}
	for _, f := range out.figures {
		if slices.ContainsFunc(base.Results, func(r bench.Result) bool { return r.Name == f.Name }) {
			common++
		} else {
			missing = append(missing, f.Name)
		}
	}
	if common == 0 {
		return nil, fmt.Errorf("%s: %w", o.baseline, bench.ErrOther)
	}
	if len(missing) > 0 {
		out.warnings = append(out.warnings, "not in the baseline: "+strings.Join(missing, ", "))
	}
	var gone []string
	for _, r := range base.Results {
		if !slices.ContainsFunc(out.figures, func(f figures.Figure) bool { return f.Name == r.Name }) {
			gone = append(gone, r.Name)
		}
	}
	if len(gone) > 0 {
		out.warnings = append(out.warnings, "only in the baseline: "+strings.Join(gone, ", "))
	}
	return base, nil
}

// verdict is what the exit code says.
func (out *outcome) verdict() error {
	var errs []error
	for _, r := range out.required {
		switch r.State {
		case stat.Violated, stat.NoData:
			errs = append(errs, cli.Rejected(nil))
		case stat.Straddling:
			errs = append(errs, cli.Untrusted(nil))
		}
	}
	if out.judged {
		switch bench.Overall(out.changes) {
		case bench.Worse:
			errs = append(errs, cli.Rejected(nil))
		case bench.Undecided:
			errs = append(errs, cli.Untrusted(nil))
		}
	}
	return errors.Join(errs...)
}
