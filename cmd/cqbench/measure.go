package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// gobench is the form that go test -bench prints.
const gobench report.Format = "gobench"

// A figure is what is measured and what stands beside it.
type figure struct {
	bench.Contender
	bound     string  // the figure that is the least this one could be
	published float64 // by CleitonQ, in ns on its machine; 0 if it is not
}

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

	set     string
	inputs  string // that the figures work on, in words
	cmd     *cobra.Command
	figures []figure
}

// addInputs says what the next figures work on.
func (o *options) addInputs(text string) {
	if o.inputs != "" {
		o.inputs += "; "
	}
	o.inputs += text
}

// addTo declares the flags that all subcommands have, and what the command does.
func (o *options) addTo(cmd *cobra.Command, set string, figures func(*options) ([]figure, error)) {
	o.set = set
	f := cmd.Flags()
	f.StringSliceVar(&o.only, "only", nil, "these figures")
	f.DurationVar(&o.time, "time", bench.DefaultTime, "how long to measure each figure")
	f.IntVar(&o.count, "count", bench.DefaultCount, "samples of each figure")
	f.StringArrayVar(&o.require, "require", nil, "what a figure must keep")
	f.StringVar(&o.save, "save", "", "keep all samples")
	f.StringVar(&o.baseline, "baseline", "", "compare with what was saved")
	f.StringVar(&o.failOn, "fail-on", "", "what must not be")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit, gobench, report.HTML)
	cli.SetExit(cmd, 1, "a figure got worse, or is not as required")
	cli.SetExit(cmd, 4, "too much noise, or too few samples, to tell that")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.cmd = cmd
		list, err := figures(o)
		if err != nil {
			return err
		}
		o.figures = list
		return o.run()
	}
}

// outcome is all there is to report.
type outcome struct {
	figures  []figure
	session  bench.Session
	required []bench.Required
	changes  []bench.Change
	matters  float64
	judged   bool // changes decide
	warnings []string
}

func (o *options) run() error {
	if o.time <= 0 || o.count < 5 || o.count > bench.MaxCount {
		return cli.Usagef("--time must be above 0, and --count from 5 to %d", bench.MaxCount)
	}
	exprs, matters, err := o.thresholds()
	if err != nil {
		return err
	}
	chosen, err := choose(o.figures, o.only)
	if err != nil {
		return err
	}
	out := &outcome{figures: chosen, matters: matters, judged: o.failOn != ""}
	out.session = bench.Session{Machine: bench.ThisMachine(), Settings: bench.Settings{TimeNS: int64(o.time), Count: o.count, Set: o.set, Inputs: o.inputs}}
	out.warnings = out.session.Machine.Warnings()
	base, err := o.readBaseline(out)
	if err != nil {
		return err
	}
	var save *cli.Output
	if o.save != "" {
		if save, err = cli.Create(o.cmd, o.save, cli.CreateOptions{Force: o.reports.Force}); err != nil {
			return err
		}
		defer save.Close()
	}
	interrupted := out.measure(o)
	if interrupted != nil && !errors.Is(interrupted, context.Canceled) {
		return interrupted
	}
	out.required = bench.Judge(exprs, out.session.Results)
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
	return err
}

// thresholds reads --require and --fail-on.
func (o *options) thresholds() (exprs []stat.Expr, matters float64, err error) {
	for _, text := range o.require {
		list, err := stat.ParseList(text, func(name string) []stat.Kind {
			if i := slices.IndexFunc(o.figures, func(f figure) bool { return f.Name == name }); i >= 0 {
				return o.figures[i].Kinds()
			}
			return nil
		})
		if err != nil {
			return nil, 0, cli.Hint(cli.Usage(err), "%s measures %s", o.set, strings.Join(names(o.figures), ", "))
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

func names(list []figure) (out []string) {
	for _, f := range list {
		out = append(out, f.Name)
	}
	return out
}

// choose returns the figures named, or all.
func choose(list []figure, only []string) ([]figure, error) {
	if len(only) == 0 {
		return list, nil
	}
	chosen := make([]bool, len(list))
	for _, name := range only {
		found := false
		for i, f := range list {
			if f.Name == name || strings.HasSuffix(name, "/") && strings.HasPrefix(f.Name, name) {
				chosen[i], found = true, true
			}
		}
		if !found {
			return nil, cli.Hint(cli.Usagef("there is no figure %q", name), "there are %s", strings.Join(names(list), ", "))
		}
	}
	var out []figure
	for i, f := range list {
		if chosen[i] {
			out = append(out, f)
		}
	}
	return out, nil
}

// readBaseline reads --baseline and refuses what cannot be compared; with --force it warns.
func (o *options) readBaseline(out *outcome) (*bench.Session, error) {
	if o.baseline == "" {
		return nil, nil
	}
	in, err := cli.Open(o.cmd, o.baseline)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, bench.MaxSessionBytes+1))
	if err != nil {
		return nil, err
	}
	base, err := bench.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name, err)
	}
	differ := out.session.Machine.Differences(&base.Machine)
	if base.Settings != out.session.Settings {
		differ = append(differ, "settings")
	}
	if len(differ) > 0 {
		text := fmt.Sprintf("%s was measured elsewhere or otherwise: not the same %s", in.Name, strings.Join(differ, ", "))
		if !o.reports.Force {
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
		return nil, fmt.Errorf("%s: %w", in.Name, bench.ErrOther)
	}
	if len(missing) > 0 {
		out.warnings = append(out.warnings, "not in the baseline: "+strings.Join(missing, ", "))
	}
	var gone []string
	for _, r := range base.Results {
		if !slices.Contains(names(out.figures), r.Name) {
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
