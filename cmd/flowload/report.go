package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/load"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

// Formats of results besides those that all programs have.
const (
	openMetrics report.Format = "openmetrics"
	hdrLog      report.Format = "hdr"
)

// resultFormats are the forms a result can be printed in.
var resultFormats = []report.Format{report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit, report.HTML, openMetrics, hdrLog}

// A namedResult is a result and the file it is from; "" if it was just measured.
type namedResult struct {
	name string
	*load.Result
}

func reportCommand() *cobra.Command {
	var fail, require, slo []string
	var merge, seconds bool
	cmd := &cobra.Command{
		Use:   "report FILE...",
		Short: "print results that were saved",
		Long: `Usage:
    flowload report [--format FORMAT] [-o OUTPUT] FILE...
    flowload report --merge FILE...
    flowload report --fail EXPR --require EXPR FILE...

Prints results that run and find saved. - is standard input.

Options:
        --merge             the files are parts of one run, made at the same
                            time by several machines: add them up
        --fail EXPR         judge by this threshold, which must not hold, not
                            by those saved: p99>250ms, errors>1%, ok_per_s<900/s
        --require EXPR      the same, but it must hold
        --slo LIST          several of these, separated by commas
        --seconds           a row a second, with --format csv
    -o, --output FILE       write the report to FILE
        --force             replace FILE if it exists
        --format FORMAT     table, markdown, csv, json, junit, html,
                            openmetrics, hdr (a histogram a second, for
                            HdrHistogram's tools)
        --json              short for --format json

With thresholds given, the exit code is theirs: of what was saved with a result
they say whether it held then, and printing it again is no new judgement.`,
		Example: `    $ flowload report nightly.flr
    $ flowload report --format html -o nightly.html nightly.flr`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("name a file with a result")
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&merge, "merge", false, "the files are parts of one run")
	flags.BoolVar(&seconds, "seconds", false, "a row a second in CSV")
	flags.StringArrayVar(&fail, "fail", nil, "a threshold that must not hold")
	flags.StringArrayVar(&require, "require", nil, "a threshold that must hold")
	flags.StringArrayVar(&slo, "slo", nil, "thresholds that must hold, separated by commas")
	reports := cli.AddReportFlags(cmd, resultFormats...)
	cli.SetExit(cmd, 1, "a threshold given here is violated, or has no data")
	cli.SetExit(cmd, 4, "a threshold given here cannot be decided by these measurements")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if seconds && reports.Format != report.CSV {
			return cli.Usagef("--seconds is for --format csv")
		}
		if merge && len(args) == 1 {
			return cli.Usagef("--merge of one file")
		}
		failing, required, err := parseThresholds(fail, require, slo)
		if err != nil {
			return cli.Usage(err)
		}
		results, err := readResults(cmd, args)
		if err != nil {
			return err
		}
		if merge {
			if results, err = mergeResults(results); err != nil {
				return err
			}
		}
		judge := len(failing)+len(required) > 0
		if judge {
			for _, r := range results {
				r.Judge(failing, required)
			}
		}
		if err := writeResults(cmd, reports, results, seconds); err != nil || !judge {
			return err
		}
		var errs []error
		for _, r := range results {
			errs = append(errs, verdictError(r.Result))
		}
		return errors.Join(errs...)
	}
	return cmd
}

// parseThresholds reads the expressions of --fail, --require and --slo.
func parseThresholds(fail, require, slo []string) (failing, required []stat.Expr, err error) {
	for _, text := range fail {
		e, err := stat.Parse(text, load.Metrics)
		if err != nil {
			return nil, nil, err
		}
		failing = append(failing, e)
	}
	for _, text := range require {
		e, err := stat.Parse(text, load.Metrics)
		if err != nil {
			return nil, nil, err
		}
		required = append(required, e)
	}
	for _, text := range slo {
		list, err := stat.ParseList(text, load.Metrics)
		if err != nil {
			return nil, nil, err
		}
		required = append(required, list...)
	}
	return failing, required, nil
}

// verdictError returns what makes the exit code of a result's verdict.
func verdictError(r *load.Result) error {
	switch r.Verdict() {
	case load.Fail:
		return cli.Rejected(nil)
	case load.Untrusted:
		return cli.Untrusted(nil)
	}
	return nil
}

func readResults(cmd *cobra.Command, names []string) ([]namedResult, error) {
	if err := cli.Declare(cmd, names...); err != nil {
		return nil, err
	}
	var list []namedResult
	for _, name := range names {
		r, err := readResult(cmd, name)
		if err != nil {
			return nil, err
		}
		list = append(list, namedResult{name, r})
	}
	return list, nil
}

func readResult(cmd *cobra.Command, name string) (*load.Result, error) {
	in, err := cli.Open(cmd, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r, err := load.ReadResult(in)
	if bad := new(load.ResultError); errors.As(err, &bad) {
		return nil, cli.Hint(fmt.Errorf("%s: %w", name, err), "give files that flowload saved")
	}
	return r, err
}

func mergeResults(results []namedResult) ([]namedResult, error) {
	parts := make([]*load.Result, len(results))
	for i, r := range results {
		parts[i] = r.Result
	}
	m, err := load.Merge(parts...)
	if err != nil {
		return nil, cli.Hint(err, "parts are of run, in one kind of loop, and made at the same time; without --merge each is printed by itself")
	}
	return []namedResult{{fmt.Sprintf("%d parts", len(parts)), m}}, nil
}

// writeResults prints results in the form asked for.
func writeResults(cmd *cobra.Command, reports *cli.Reports, results []namedResult, seconds bool) error {
	return reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch reports.Format {
		case report.JSON:
			if len(results) == 1 {
				return report.WriteJSON(w, results[0].Result)
			}
			list := make([]*load.Result, len(results))
			for i, r := range results {
				list[i] = r.Result
			}
			return report.WriteJSON(w, map[string]any{"results": list})
		case report.CSV:
			if seconds {
				return secondsGrid(results).WriteCSV(w)
			}
			return resultsGrid(results).WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, resultSuites(results)...)
		case report.Markdown:
			return resultsPage(results, false).WriteMarkdown(w)
		case report.HTML:
			return resultsPage(results, true).WriteHTML(w)
		case openMetrics:
			return writeOpenMetrics(w, results)
		case hdrLog:
			return writeHDRLog(w, results)
		}
		return writeTables(w, style, results)
	})
}
