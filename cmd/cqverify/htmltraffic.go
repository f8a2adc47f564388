package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/survey"
)

// How many senders have an area of their own, how many rows tables have, in pages.
const (
	drawnSources = 6
	shownSources = 60
	shownKinds   = 60
)

// parts describe what is in a log and how it goes on, with its warnings but for those
// that were said.
func (d *drawing) parts(p *picture, heading func(string) report.Part, said []string) []report.Part {
	var more []string
	for _, w := range d.info.Warnings {
		if !slices.ContainsFunc(said, func(s string) bool { return s == w || isSecret(s) && isSecret(w) }) {
			more = append(more, w)
		}
	}
	parts := warningList(more)
	if d.info.Records == 0 {
		return parts
	}
	parts = append(parts, heading("Traffic"), d.info.parts()[0], d.rateChart(p))
	if d.info.SequenceLost > 0 {
		parts = append(parts, d.lossChart(p))
	} else {
		parts = append(parts, report.Paragraph("No sender's sequence has a gap: nothing was lost on the link."))
	}
	if c := d.altitudeChart(p); c != nil {
		parts = append(parts, heading("Altitude"), c)
	}
	parts = append(parts, heading("Senders"), d.sourceGrid(p), heading("Messages"), d.messageGrid())
	if len(d.line.Texts) > 0 {
		parts = append(parts, heading("Texts in the log"))
		parts = append(parts, d.texts()...)
	}
	return parts
}

// isSecret reports whether a warning is of a secret key in the log.
func isSecret(warning string) bool { return strings.Contains(warning, "SETUP_SIGNING") }

// points are the places of values on the axis: the middle of each bin, and the end and
// the beginning of legs, where nothing is. The last bin is left out where it is only
// begun, because what is in it says little.
type points struct {
	x   []float64
	bin []int // -1 where nothing is
}

func newPoints(p *picture) points {
	line := p.line
	n := len(line.Bins)
	if n > 3 && line.Length-int64(n-1)*line.Width < line.Width/2 {
		n--
	}
	var at points
	next := 1
	for i := range n {
		middle := min(int64(i)*line.Width+line.Width/2, line.Length)
		for next < len(line.Legs) && line.Legs[next].At <= middle {
			at.x = append(at.x, p.x(line.Legs[next].At-1), p.x(line.Legs[next].At))
			at.bin = append(at.bin, -1, -1)
			next++
		}
		at.x, at.bin = append(at.x, p.x(middle)), append(at.bin, i)
	}
	return at
}

// values returns f of each bin, and none where nothing is.
func (at points) values(f func(bin int) float64, none float64) []float64 {
	y := make([]float64, len(at.bin))
	for i, bin := range at.bin {
		y[i] = none
		if bin >= 0 {
			y[i] = f(bin)
		}
	}
	return y
}

// perBin returns what to divide counts of a bin by, and what they then are.
func perBin(line *survey.Timeline) (by float64, unit, words string) {
	if !line.Timed {
		return 1, "records", fmt.Sprintf("records of %s", cli.Thousands(line.Width))
	}
	return float64(line.Width) / 1e6, "per s", "records a second, mean of " + cli.Count(line.Width/1_000_000, "second")
}

func (d *drawing) rateChart(p *picture) report.Part {
	by, unit, words := perBin(d.line)
	sources := slices.Clone(d.line.Sources)
	slices.SortStableFunc(sources, func(a, b survey.SourceSeries) int { return cmp.Compare(b.Total, a.Total) })
	at := newPoints(p)
	plot := &report.Plot{Kind: report.Stacked, Unit: unit, X: at.x}
	for _, s := range sources[:min(len(sources), drawnSources)] {
		plot.Series = append(plot.Series, report.Series{Name: sourceName(s),
			Y: at.values(func(i int) float64 { return float64(s.ByBin[i]) / by }, 0)})
	}
	if len(sources) > drawnSources {
		rest := sources[drawnSources:]
		plot.Series = append(plot.Series, report.Series{Name: cli.Count(int64(len(rest)), "other sender"), Y: at.values(func(i int) float64 {
			var n uint64
			for _, s := range rest {
				n += s.ByBin[i]
			}
			return float64(n) / by
		}, 0)})
	}
	return &report.Chart{Name: "Records by sender", Summary: sentenceCase(words) + " Only records whose checksum holds; senders are system/component.",
		Axis: p.axis(), Plot: plot}
}

func sourceName(s survey.SourceSeries) string {
	if s.Others {
		return "others"
	}
	return s.Source.String()
}

func (d *drawing) lossChart(p *picture) report.Part {
	at := newPoints(p)
	per := "as many records"
	if d.line.Timed {
		per = cli.Count(d.line.Width/1_000_000, "second")
	}
	return &report.Chart{
		Name: "Frames lost on the link",
		Summary: fmt.Sprintf("%s missing in %s of the senders' sequences; a bar stands for %s. Sequence numbers go up to 255, so long losses count for less, and where several transmitters share an id the number means nothing.",
			cli.Count(int64(d.info.SequenceLost), "frame"), cli.Count(int64(d.info.SequenceGaps), "gap"), per),
		Axis: p.axis(),
		Plot: &report.Plot{Kind: report.Bars, Unit: "frames", X: at.x, Series: []report.Series{{Name: "",
			Y: at.values(func(i int) float64 { return float64(d.line.Bins[i].Lost) }, 0)}}},
	}
}

// altitudeChart draws altitudes, those above home if there are such, because the two do
// not belong on one axis. It is nil without any.
func (d *drawing) altitudeChart(p *picture) report.Part {
	tracks := d.line.Altitudes
	if len(tracks) == 0 {
		return nil
	}
	aboveHome := slices.ContainsFunc(tracks, func(t survey.Track) bool { return t.AboveHome })
	name, from := "Altitude above home", "GLOBAL_POSITION_INT"
	if !aboveHome {
		name, from = "Altitude above mean sea level", "VFR_HUD"
	}
	at := newPoints(p)
	plot := &report.Plot{Kind: report.Lines, Unit: "m", X: at.x}
	low, high := math.Inf(1), math.Inf(-1)
	for _, t := range tracks {
		if t.AboveHome != aboveHome {
			continue
		}
		of := func(values []float64) []float64 {
			return at.values(func(i int) float64 { return values[i] }, math.NaN())
		}
		plot.Series = append(plot.Series, report.Series{Name: t.Source.String(), Y: of(t.Mean), Low: of(t.Low), High: of(t.High)})
		for i := range t.Low {
			if t.Low[i] == t.Low[i] {
				low, high = min(low, t.Low[i]), max(high, t.High[i])
			}
		}
	}
	return &report.Chart{Name: name, Axis: p.axis(), Plot: plot, Summary: fmt.Sprintf(
		"As the vehicle said in %s: from %.1f m to %.1f m. The line is the mean, the band around it the lowest and the highest.", from, low, high)}
}

func (d *drawing) sourceGrid(p *picture) *report.Grid {
	sources := slices.Clone(d.line.Sources)
	slices.SortStableFunc(sources, func(a, b survey.SourceSeries) int { return cmp.Compare(b.Total, a.Total) })
	return &report.Grid{
		Columns: []report.Column{{Name: "System/component"}, {Name: "Records"}, {Name: "Share"}, {Name: "First"}, {Name: "Last"}, {Name: "Course"}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, s := range sources[:min(len(sources), shownSources)] {
				first, last := -1, 0
				for i, n := range s.ByBin {
					if n > 0 && first < 0 {
						first = i
					}
					if n > 0 {
						last = i
					}
				}
				share := 100 * float64(s.Total) / float64(max(1, d.info.CRCOK))
				if !yield([]report.Cell{report.String(sourceName(s)), report.Uint(s.Total),
					report.Number(fmt.Sprintf("%.1f %%", share), fmt.Sprint(share)),
					report.String(p.about(first)), report.String(p.about(last)), spark(s.ByBin)}) {
					return
				}
			}
		},
		Empty: "No record has a checksum that holds.",
	}
}

// about says when something was in a bin, to the bin.
func (p *picture) about(bin int) string {
	return p.when(min(int64(max(bin, 0))*p.line.Width, p.line.Length))
}

func spark(counts []uint64) report.Cell {
	values := make([]float64, len(counts))
	for i, n := range counts {
		values[i] = float64(n)
	}
	return report.Spark(values)
}

func (d *drawing) messageGrid() *report.Grid {
	messages := slices.Clone(d.line.Messages)
	slices.SortStableFunc(messages, func(a, b survey.MessageSeries) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	columns := []report.Column{{Name: "Message"}, {Name: "Records"}, {Name: "Course"}}
	if d.line.Timed {
		columns = []report.Column{{Name: "Message"}, {Name: "Records"}, {Name: "Per second"}, {Name: "At most"}, {Name: "Course"}}
	}
	by, _, _ := perBin(d.line)
	return &report.Grid{
		Columns: columns,
		Rows: func(yield func([]report.Cell) bool) {
			for i, m := range messages {
				if i == shownKinds && len(messages) > shownKinds+1 {
					var rest uint64
					for _, m := range messages[i:] {
						rest += m.Total
					}
					yield([]report.Cell{report.String(cli.Count(int64(len(messages)-i), "more message")), report.Uint(rest)})
					return
				}
				name := m.Name
				if m.Others {
					name = "others"
				}
				row := []report.Cell{report.String(name), report.Uint(m.Total)}
				if d.line.Timed {
					row = append(row, report.Float(float64(m.Total)/max(1, float64(d.line.Length)/1e6), 2),
						report.Float(float64(slices.Max(m.ByBin))/by, 2))
				}
				if !yield(append(row, spark(m.ByBin))) {
					return
				}
			}
		},
		Empty: "No record has a checksum that holds.",
	}
}

var severities = [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"}

// texts are what senders sent to be shown, in their words.
func (d *drawing) texts() []report.Part {
	g := &report.Grid{
		Columns: []report.Column{{Name: "Time"}, {Name: "Record"}, {Name: "From"}, {Name: "Severity"}, {Name: "Text", Fit: report.Wrap}},
		Rows: func(yield func([]report.Cell) bool) {
			for _, x := range d.line.Texts {
				at := ""
				if d.line.Timed {
					at = clock(x.Time, d.info.severalDays())
				}
				severity := report.String("")
				if x.Severity >= 0 && x.Severity < len(severities) {
					severity = report.String(severities[x.Severity])
					if x.Severity <= 3 {
						severity = severity.As(report.Bad)
					} else if x.Severity == 4 {
						severity = severity.As(report.Odd)
					}
				}
				if !yield([]report.Cell{report.String(at), report.Uint(x.Index), report.String(x.Source.String()), severity, report.String(x.Text)}) {
					return
				}
			}
		},
	}
	words := "STATUSTEXT messages, in the words of their senders."
	if n := d.line.TextsLeftOut; n > 0 {
		words += fmt.Sprintf(" Between the first and the last hundred, %s left out.", cli.Count(int64(n), "text"))
	}
	return []report.Part{report.Paragraph(words), g}
}

func (n *info) severalDays() bool {
	v := verdict{FirstUS: n.FirstUS, LastUS: n.LastUS}
	return v.severalDays()
}
