package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
)

// page has tables for all links, and one more for each link if there are few.
func (out *linkOutcome) page() *report.Page {
	o := out.options
	asked := fmt.Sprintf("%s packets", o.packets)
	if o.packets == "none" {
		asked = "packets as they are"
	}
	p := &report.Page{Title: "cqbench link", Parts: []report.Part{report.Fields{
		{Name: "Telemetry", Value: report.String(fmt.Sprintf("%s, %s", out.mix.What, bitText(out.mix.bytesPerS()*8)))},
		{Name: "Settings", Value: report.String(fmt.Sprintf("%s, notes %s, commands %s, sessions %s, %s", asked, everyText(o.every), o.commands, o.sessions, o.wire))},
	}, report.Heading("Share of the link"), out.shares(), report.Paragraph(fmt.Sprintf("Packets: what is around each frame. Fits: all together take at most %s.", o.most)),
		report.Heading("Time until it has arrived"), out.times(), report.Paragraph("Beside the telemetry with its packets; alone: if there were none, because it leaves no room."),
		report.Heading("How far each setting could go"), out.settings(), report.Paragraph("If the others stay as they are; alone: if there were nothing else, because they leave no room.")}}
	if len(out.links) <= 3 {
		for _, r := range out.links {
			p.Parts = append(p.Parts, report.Heading(r.link.Name+": "+r.link.Title), r.grid())
		}
	}
	if slices.ContainsFunc(out.links, func(r *linkReport) bool { return len(r.required) > 0 }) {
		p.Parts = append(p.Parts, report.Heading("Required"), out.requiredGrid())
	}
	return p
}

func everyText(every string) string {
	if strings.Trim(every, "0123456789") == "" {
		return "every " + every + " frames"
	}
	if every == "none" {
		return every
	}
	return "every " + every
}

// grid has a row a link, and columns of the names given after its own.
func (out *linkOutcome) grid(row func(r *linkReport) []report.Cell, names ...string) *report.Grid {
	var rows [][]report.Cell
	for _, r := range out.links {
		rows = append(rows, append([]report.Cell{report.String(r.link.Name)}, row(r)...))
	}
	g := &report.Grid{Columns: []report.Column{{Name: "Link"}}, Rows: report.RowsOf(rows...)}
	for _, name := range names {
		g.Columns = append(g.Columns, report.Column{Name: name})
	}
	return g
}

func (out *linkOutcome) shares() *report.Grid {
	return out.grid(func(r *linkReport) []report.Cell {
		verdict := report.String("yes").As(report.Good)
		if !r.fits {
			verdict = report.String("no").As(report.Bad)
		}
		return []report.Cell{share(r.telemetry.use.Load()), share(r.metric("packets")), share(r.metric("notes")), share(r.metric("commands")), share(r.metric("sessions")), share(r.total.Load()), verdict}
	}, "Telemetry", "Packets", "Notes", "Commands", "Sessions", "Total", "Fits")
}

func (out *linkOutcome) times() *report.Grid {
	return out.grid(func(r *linkReport) []report.Cell {
		return []report.Cell{r.telemetry.time(), r.chosen("notes").time(), r.chosen("commands").time(), r.chosen("sessions").time()}
	}, "Frame", "Note", "Command", "Handshake")
}

func (out *linkOutcome) settings() *report.Grid {
	return out.grid(func(r *linkReport) []report.Cell {
		frames, note := oftenText(r.fit.telemetryPerS, best(r.fit.telemetryPerS)), intervalText(r.fit.noteEveryS)
		command, session := oftenText(r.fit.commandsPerS, time.Minute), oftenText(r.fit.sessionsPerS, time.Hour)
		if math.IsInf(r.fit.noteEveryS, 1) {
			note = intervalText(r.alone.noteEveryS) + " alone"
		}
		if r.fit.commandsPerS == 0 {
			command = oftenText(r.alone.commandsPerS, time.Minute) + " alone"
		}
		if r.fit.sessionsPerS == 0 {
			session = oftenText(r.alone.sessionsPerS, time.Hour) + " alone"
		}
		return []report.Cell{report.String(frames), report.String(note), report.String(command), report.String(session)}
	}, "Frames", "Note every", "Commands", "Handshakes")
}

// time is the delay beside the telemetry, or without any.
func (c *linkCost) time() report.Cell {
	if c.delay < 0 {
		return report.Number(waitText(c.alone)+" alone", fmt.Sprint(c.alone.Seconds())).As(report.Bad)
	}
	return wait(c.delay)
}

// chosen is the cost of a name that counts.
func (r *linkReport) chosen(name string) *linkCost {
	i := slices.IndexFunc(r.costs, func(c linkCost) bool { return c.name == name && c.chosen })
	if i < 0 {
		return &linkCost{}
	}
	return &r.costs[i]
}

func (r *linkReport) grid() *report.Grid {
	rows := [][]report.Cell{}
	for _, c := range append([]linkCost{r.telemetry}, r.costs...) {
		size := fmt.Sprintf("%s / %d", cli.Thousands(int64(c.bytes)), c.frames)
		if c.frames == 0 {
			size = fmt.Sprintf("+%d", c.bytes)
		}
		counts := "yes"
		if !c.chosen {
			counts = "no"
		}
		rows = append(rows, []report.Cell{report.String(c.what), report.String(size), report.String(bitText(c.bitsPerS())), share(c.use.Load()), c.time(), report.String(counts)})
	}
	rows = append(rows, []report.Cell{report.String("total"), {}, report.String(bitText(r.bitsPerS())), share(r.total.Load()), {}, {}})
	return &report.Grid{Columns: []report.Column{{Name: "What"}, {Name: "Bytes / frames"}, {Name: "Rate"}, {Name: "Share"}, {Name: "Time"}, {Name: "Counts"}}, Rows: report.RowsOf(rows...)}
}

func (r *linkReport) bitsPerS() float64 {
	sum := r.telemetry.bitsPerS()
	for _, c := range r.costs {
		if c.chosen {
			sum += c.bitsPerS()
		}
	}
	return sum
}

func (out *linkOutcome) requiredGrid() *report.Grid {
	var rows [][]report.Cell
	for _, r := range out.links {
		for _, q := range r.required {
			value := share(q.value)
			if strings.HasSuffix(q.expr.Name, "/delay") {
				value = wait(time.Duration(min(q.value, math.MaxInt64/2)))
			}
			verdict := report.String("ok").As(report.Good)
			if !q.ok {
				verdict = report.String("violated").As(report.Bad)
			}
			rows = append(rows, []report.Cell{report.String(r.link.Name), report.String(q.expr.Text), value, verdict})
		}
	}
	return &report.Grid{Columns: []report.Column{{Name: "Link"}, {Name: "Required"}, {Name: "Computed"}, {Name: "Verdict"}}, Rows: report.RowsOf(rows...)}
}

func share(x float64) report.Cell {
	text := fmt.Sprintf("%.1f %%", 100*x)
	switch {
	case x >= 0.995:
		text = fmt.Sprintf("%.0f %%", 100*x)
	case x < 0.0005 && x > 0:
		text = "<0.1 %"
	}
	return report.Number(text, fmt.Sprint(x))
}

func wait(d time.Duration) report.Cell {
	if d < 0 || d > 1000*time.Hour {
		return report.String("never").As(report.Bad)
	}
	return report.Number(waitText(d), fmt.Sprint(d.Seconds()))
}

func waitText(d time.Duration) string {
	if d > 2*time.Minute {
		return d.Round(time.Second).String()
	}
	return duration(float64(d), 2)
}

func bitText(perS float64) string {
	return scaled(perS, 3, []string{" bit/s", " kbit/s", " Mbit/s", " Gbit/s"})
}

// best is the unit in which a rate has a number above one.
func best(perS float64) time.Duration {
	for _, unit := range []time.Duration{time.Second, time.Minute} {
		if perS*unit.Seconds() >= 1 {
			return unit
		}
	}
	return time.Hour
}

func oftenText(perS float64, unit time.Duration) string {
	switch {
	case perS == 0:
		return "none"
	case math.IsInf(perS, 1):
		return "any"
	}
	return scaled(perS*unit.Seconds(), 2, []string{"", "k", "M", "G"}) + map[time.Duration]string{time.Second: "/s", time.Minute: "/min", time.Hour: "/h"}[unit]
}

func intervalText(seconds float64) string {
	if math.IsInf(seconds, 1) || seconds > 3.6e6 {
		return "never"
	}
	return waitText(time.Duration(seconds * 1e9))
}
