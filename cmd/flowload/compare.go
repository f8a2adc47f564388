package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/load"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// A side is the runs of one build.
type side struct {
	name string
	runs []*load.Result
}

func compareCommand() *cobra.Command {
	var on []string
	var matters string
	cmd := &cobra.Command{
		Use:   "compare BASE NEW...",
		Short: "tell whether new results are worse than those of a baseline",
		Long: `Usage:
    flowload compare [--on METRICS] [--matters PERCENT] BASE NEW...

Compares results that run and find saved, each NEW with BASE. A side is a file,
several separated by commas, or a folder of .flr files. Best are eight or more
runs of each side, made in turns: then what changes on the machine meanwhile is
told apart from what changed in the build.

What decides are the errors, and in find the capacity, in a closed loop the
rate, in an open loop the median response time.

Options:
        --on METRICS        let these decide: p99,errors
        --matters PERCENT   the least change that must not be missed; changes of
                            less than half of it are none. The default is 10%
    -o, --output FILE       write the report to FILE
        --force             replace FILE if it exists
        --format FORMAT     table, markdown, csv, json, junit, html
        --json              short for --format json`,
		Example: `        flowload compare --on capacity --matters 5% base/ candidate/
    $ flowload serve --listen 127.0.0.1:0 --addr-file addr --for 1m \
        >serve.log 2>&1 & sleep 2
    $ flowload run "http://$(cat addr)/" -c 1 -d 2s --save yesterday.flr
    $ flowload run "http://$(cat addr)/" -c 1 -d 2s --save today.flr
    $ flowload compare yesterday.flr today.flr`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return errors.New("name a baseline and what to compare with it")
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&on, "on", nil, "metrics that decide")
	cmd.Flags().StringVar(&matters, "matters", "10%", "the least change that must not be missed")
	reports := cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit, report.HTML)
	cli.SetExit(cmd, 1, "something is worse")
	cli.SetExit(cmd, 4, "undecided: too much noise, or too few runs")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg := load.CompareConfig{On: on}
		for _, name := range on {
			if len(load.Metrics(name)) == 0 {
				return cli.Hint(cli.Usagef("there is no metric %q", name), "p99, errors, ok_per_s and capacity are some")
			}
			if name == "rate_error" {
				return cli.Usagef("%q is the client's own and cannot be compared", name)
			}
		}
		percent, err := stat.Parse("matters>="+matters, func(string) []stat.Kind { return []stat.Kind{stat.Ratio} })
		if err != nil || percent.Value <= 0 || percent.Value > 1 {
			return cli.Usagef("--matters %q is not a percentage up to 100%%", matters)
		}
		cfg.Matters = percent.Value
		sides, err := readSides(cmd, args)
		if err != nil {
			return err
		}
		list, err := compareSides(sides, cfg)
		if err != nil {
			return err
		}
		if err := list.write(cmd, reports); err != nil {
			return err
		}
		var errs []error
		for _, c := range list.comparisons {
			switch c.Verdict {
			case stat.Worse:
				errs = append(errs, cli.Rejected(nil))
			case stat.Undecided:
				errs = append(errs, cli.Untrusted(nil))
			}
		}
		return errors.Join(errs...)
	}
	return cmd
}

// readSides reads the files that each argument stands for.
func readSides(cmd *cobra.Command, args []string) ([]side, error) {
	var sides []side
	for _, arg := range args {
		names, err := sideFiles(arg)
		if err != nil {
			return nil, err
		}
		results, err := readResults(cmd, names)
		if err != nil {
			return nil, err
		}
		s := side{name: arg}
		for _, r := range results {
			s.runs = append(s.runs, r.Result)
		}
		sides = append(sides, s)
	}
	return sides, nil
}

// sideFiles returns the files of a side: those named in a list, or the .flr files of a folder.
func sideFiles(arg string) ([]string, error) {
	info, err := os.Stat(arg)
	switch {
	case err == nil && info.IsDir():
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, e := range entries {
			if !e.IsDir() && strings.EqualFold(filepath.Ext(e.Name()), ".flr") {
				names = append(names, filepath.Join(arg, e.Name()))
			}
		}
		if len(names) == 0 {
			return nil, cli.Hint(&fs.PathError{Op: "compare", Path: arg, Err: errors.New("no .flr files in it")}, "give a folder of files that flowload saved")
		}
		return names, nil
	case err == nil || !strings.Contains(arg, ","):
		return []string{arg}, nil // a missing file is told when it is opened
	}
	return slices.DeleteFunc(strings.Split(arg, ","), func(s string) bool { return s == "" }), nil
}

// A comparisonList is all that a call compares.
type comparisonList struct {
	base        side
	new         []side
	comparisons []*load.Comparison
}

func compareSides(sides []side, cfg load.CompareConfig) (*comparisonList, error) {
	list := &comparisonList{base: sides[0], new: sides[1:]}
	for _, s := range list.new {
		c, err := load.Compare(list.base.runs, s.runs, cfg)
		if errors.Is(err, load.ErrNotComparable) {
			return nil, cli.Hint(fmt.Errorf("%s and %s: %w", list.base.name, s.name, err), "both must be of run, or both of find, and of the same loop: -r, or -c alone")
		}
		if err != nil {
			return nil, err
		}
		list.comparisons = append(list.comparisons, c)
	}
	return list, nil
}

func (l *comparisonList) write(cmd *cobra.Command, reports *cli.Reports) error {
	return reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch reports.Format {
		case report.JSON:
			return report.WriteJSON(w, l.json())
		case report.CSV:
			return l.grid().WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, l.suites()...)
		case report.Markdown:
			return l.page().WriteMarkdown(w)
		case report.HTML:
			return l.page().WriteHTML(w)
		}
		return l.page().WriteText(w, style)
	})
}
