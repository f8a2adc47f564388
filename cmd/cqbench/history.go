package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench"
	"cqkit/pkg/report"
)

func historyCommand() *cobra.Command {
	h := history{}
	cmd := &cobra.Command{
		Use:   "history",
		Short: "how figures changed over several saved files",
		Long: `Usage:
    cqbench history [--only NAMES] FILE FILE...

Shows the figures of files that keys, seal, limits and all have saved, in the
order given, the oldest first: the first, the last but one and the last median,
and what changed. As a page (--format html) it plots all of them. It judges
nothing.

Options:
        --only NAMES     these figures: mldsa87/verify,hmac/100; a name that
                         ends in / stands for all that begin with it
        --force          show files of different machines or settings, too
    -o, --output FILE    write the report to FILE
        --replace        replace FILE if it exists
        --format FORMAT  table, markdown, csv, json or html
        --json           short for --format json`,
		Example: `    $ cqbench keys --only hmac/100 --time 20ms --save monday.json
    $ cqbench keys --only hmac/100 --time 20ms --save tuesday.json
    $ cqbench history monday.json tuesday.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cli.Usagef("a history takes at least two files")
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&h.only, "only", nil, "these figures")
	cmd.Flags().BoolVar(&h.replace, "replace", false, "replace files that exist")
	h.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.HTML)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		h.force, h.reports.Force = h.reports.Force, h.replace
		return h.run(cmd, args)
	}
	return cmd
}

// A history is saved sessions, and the figures in them.
type history struct {
	only           []string
	replace, force bool
	reports        *cli.Reports

	files    []string
	sessions []*bench.Session
	figures  []past
	warnings []string
}

// A past is one figure over all sessions.
type past struct {
	name    string
	results []*bench.Result // nil where a session does not have it
	changes [2]*bench.Change
}

// The changes of a past: of the last session against another one.
const (
	sinceFirst = iota
	sinceBefore
)

func (h *history) run(cmd *cobra.Command, files []string) error {
	if err := refuseExisting(h.replace, h.reports.Output); err != nil {
		return err
	}
	for _, name := range files {
		s, err := readSession(cmd, name)
		if err != nil {
			return err
		}
		h.files, h.sessions = append(h.files, name), append(h.sessions, s)
	}
	last := h.sessions[len(h.sessions)-1]
	for i, s := range h.sessions {
		if differ := differences(last, s); len(differ) > 0 {
			text := fmt.Sprintf("%s was measured elsewhere or otherwise than %s: not the same %s", h.files[i], h.files[len(files)-1], strings.Join(differ, ", "))
			if !h.force {
				return cli.Hint(errors.New(text), "leave it out, or use --force to show it nevertheless")
			}
			h.warnings = append(h.warnings, text)
		}
	}
	if err := h.collect(); err != nil {
		return err
	}
	return h.reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch h.reports.Format {
		case report.JSON:
			return report.WriteJSON(w, h.json())
		case report.CSV:
			return h.plain().WriteCSV(w)
		case report.Markdown:
			return h.page(false).WriteMarkdown(w)
		case report.HTML:
			return h.page(true).WriteHTML(w)
		}
		return h.page(false).WriteText(w, style)
	})
}

// collect finds the figures of all sessions, in the order in which they come first.
func (h *history) collect() error {
	var names []string
	for _, s := range h.sessions {
		for i := range s.Results {
			if !slices.Contains(names, s.Results[i].Name) {
				names = append(names, s.Results[i].Name)
			}
		}
	}
	chosen, err := chooseNames(names, h.only)
	if err != nil {
		return err
	}
	for _, name := range chosen {
		p := past{name: name}
		for _, s := range h.sessions {
			i := slices.IndexFunc(s.Results, func(r bench.Result) bool { return r.Name == name })
			if i < 0 {
				p.results = append(p.results, nil)
				continue
			}
			p.results = append(p.results, &s.Results[i])
		}
		n := len(h.sessions)
		p.changes[sinceFirst], p.changes[sinceBefore] = p.since(0), p.since(n-2)
		h.figures = append(h.figures, p)
	}
	return nil
}

// since compares the last session with another, nil if one of them does not have the figure.
func (p *past) since(i int) *bench.Change {
	last := p.results[len(p.results)-1]
	if last == nil || p.results[i] == nil {
		return nil
	}
	list, err := bench.Compare([]bench.Result{*p.results[i]}, []bench.Result{*last}, matters)
	if err != nil {
		return nil
	}
	return &list[0]
}

func (h *history) page(plots bool) *report.Page {
	last := h.sessions[len(h.sessions)-1]
	p := &report.Page{Title: "cqbench history", Parts: []report.Part{report.Fields{
		{Name: "Machine", Value: report.String(machineText(&last.Machine))},
		{Name: "Inputs", Value: report.String(last.Settings.Inputs)},
		{Name: "Files", Value: report.String(fmt.Sprintf("%d, from %s to %s", len(h.files), h.files[0], h.files[len(h.files)-1]))},
	}, h.grid(plots), report.Paragraph("Changes are of the last file, with an interval at 99 %; a change of less than 10 % is the same.")}}
	if plots {
		p.Parts = append(p.Parts, report.Heading("Plots"))
		p.Parts = append(p.Parts, h.charts()...)
	}
	p.Parts = append(p.Parts, warningList(h.warnings)...)
	return p
}

// grid has a row a figure; on a page that has pictures, with a small one of all medians.
func (h *history) grid(pictures bool) *report.Grid {
	n := len(h.sessions)
	columns := []report.Column{{Name: "Figure"}, {Name: "First"}, {Name: "Last"}, {Name: "Since first"}}
	if n > 2 {
		columns = []report.Column{{Name: "Figure"}, {Name: "First"}, {Name: "Before"}, {Name: "Last"}, {Name: "Since first"}, {Name: "Since before"}}
	}
	if pictures {
		columns = append(columns, report.Column{Name: "All"})
	}
	var rows [][]report.Cell
	for _, p := range h.figures {
		row := []report.Cell{report.String(p.name), medianOf(p.results[0])}
		if n > 2 {
			row = append(row, medianOf(p.results[n-2]))
		}
		row = append(row, medianOf(p.results[n-1]), changeCell(p.changes[sinceFirst]))
		if n > 2 {
			row = append(row, changeCell(p.changes[sinceBefore]))
		}
		var all []float64
		for _, r := range p.results {
			if r != nil {
				all = append(all, r.Median().Value)
			}
		}
		if pictures {
			row = append(row, report.Spark(all))
		}
		rows = append(rows, row)
	}
	return &report.Grid{Columns: columns, Rows: report.RowsOf(rows...), Empty: "There are no figures."}
}

func medianOf(r *bench.Result) report.Cell {
	if r == nil {
		return report.Cell{}
	}
	cell, _ := medianCells(r)
	return cell
}

func changeCell(c *bench.Change) report.Cell {
	if c == nil {
		return report.Cell{}
	}
	return report.String(percent(c.Change.Value) + " % " + string(c.Verdict)).As(toneOf[c.Verdict])
}

// The lines of a chart: figures, and what a change must exceed to be one.
const (
	linesOfChart = 6
	matters      = 0.1
)

// charts have the medians by the first one, with their intervals, session by session, a group of figures each. Two
// more lines are where a change matters, so that what does not looks like nothing.
func (h *history) charts() (parts []report.Part) {
	var order []string
	groups := map[string][]*past{}
	for i := range h.figures {
		group, _, _ := strings.Cut(h.figures[i].name, "/")
		if groups[group] == nil {
			order = append(order, group)
		}
		groups[group] = append(groups[group], &h.figures[i])
	}
	for _, group := range order {
		for list := range slices.Chunk(groups[group], linesOfChart) {
			parts = append(parts, h.chart(group, list))
		}
	}
	return parts
}

func (h *history) chart(group string, list []*past) *report.Chart {
	n := len(h.sessions)
	plot := &report.Plot{Kind: report.Lines, Unit: "%"}
	c := &report.Chart{Name: group, Plot: plot, Summary: "Medians, with their intervals, by the first one."}
	more, less := report.Series{Name: "+10 %"}, report.Series{Name: "−10 %"}
	for i := range n {
		x := float64(i) / float64(n-1)
		plot.X = append(plot.X, x)
		c.Axis.Ticks = append(c.Axis.Ticks, report.Tick{At: x, Label: h.files[i]})
		more.Y, less.Y = append(more.Y, 100*(1+matters)), append(less.Y, 100*(1-matters))
	}
	for _, p := range list {
		plot.Series = append(plot.Series, p.series())
		if ch := p.changes[sinceFirst]; ch != nil && (ch.Verdict == bench.Worse || ch.Verdict == bench.Better) {
			c.Summary += fmt.Sprintf(" %s: %s, %s.", p.name, changeWords(ch), ch.Verdict)
		}
	}
	plot.Series = append(plot.Series, more, less)
	return c
}

// series are the medians in per cent of the first there is.
func (p *past) series() report.Series {
	s := report.Series{Name: p.name}
	first := math.NaN()
	for _, r := range p.results {
		m, low, high := math.NaN(), math.NaN(), math.NaN()
		if r != nil {
			median := r.Median()
			if math.IsNaN(first) {
				first = median.Value
			}
			m = 100 * median.Value / first
			low, high = m, m
			if !math.IsInf(median.High, 1) {
				low, high = 100*median.Low/first, 100*median.High/first
			}
		}
		s.Y, s.Low, s.High = append(s.Y, m), append(s.Low, low), append(s.High, high)
	}
	return s
}
