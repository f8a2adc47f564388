package main

import (
	"io"

	"github.com/spf13/cobra"

	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

// printVerdicts prints the verdicts, of which some are nil if the run was interrupted.
func printVerdicts(cmd *cobra.Command, o *options, all []*verdict) error {
	var verdicts []*verdict
	for _, v := range all {
		if v != nil {
			verdicts = append(verdicts, v)
		}
	}
	single := len(all) == 1 && !o.folder
	if single && (len(verdicts) == 0 || verdicts[0].err != nil) {
		return nil // the message has said it all
	}
	if err := o.page.write(cmd, func() *report.Page { return verdictPage(verdicts, single) }); err != nil {
		return err
	}
	return o.reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch o.reports.Format {
		case report.HTML:
			return verdictPage(verdicts, single).WriteHTML(w)
		case report.JSON:
			if single {
				return report.WriteJSON(w, verdicts[0])
			}
			return report.WriteJSON(w, map[string]any{"logs": entries(verdicts), "summary": summarize(verdicts)})
		case report.CSV:
			return findingsGrid(verdicts).WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, suite(verdicts, o.allowOpen))
		case report.Markdown:
			return page(verdicts, single).WriteMarkdown(w)
		}
		return page(verdicts, single).WriteText(w, style)
	})
}

// failure is the entry of something that could not be judged or read.
type failure struct {
	Log   string `json:"log,omitempty"`
	Proof string `json:"proof,omitempty"`
	Error string `json:"error"`
}

// entries are the verdicts as JSON has them.
func entries(verdicts []*verdict) []any {
	list := make([]any, len(verdicts))
	for i, v := range verdicts {
		list[i] = v
		if v.err != nil {
			list[i] = failure{Log: v.Log, Error: v.err.Error()}
		}
	}
	return list
}

// summarize counts the verdicts by their outcome.
func summarize(verdicts []*verdict) map[string]int {
	sum := map[string]int{"logs": len(verdicts), "errors": 0}
	for _, o := range []seal.Outcome{seal.Valid, seal.Open, seal.Altered, seal.Foreign, seal.Superseded,
		seal.Unsigned, seal.Untrusted, seal.Malformed} {
		sum[string(o)] = 0
	}
	for _, v := range verdicts {
		if v.err != nil {
			sum["errors"]++
		} else {
			sum[v.Verdict]++
		}
	}
	return sum
}
