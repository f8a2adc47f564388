package main

import (
	"cqkit/pkg/report"
)

// The JSON of link; docs/schema/cqbench-link.json is its schema.
type linkJSON struct {
	Telemetry  linkMixJSON      `json:"telemetry"`
	Settings   linkSettingsJSON `json:"settings"`
	Links      []linkOneJSON    `json:"links"`
	Violations []linkReqJSON    `json:"violations"`
}

type linkMixJSON struct {
	What       string  `json:"what"`
	FramesPerS float64 `json:"frames_per_s"`
	BitsPerS   float64 `json:"bits_per_s"`
}

type linkSettingsJSON struct {
	Packets      string  `json:"packets"`
	NotesPerS    float64 `json:"notes_per_s"`
	CommandsPerS float64 `json:"commands_per_s"`
	SessionsPerS float64 `json:"sessions_per_s"`
	Wire         string  `json:"wire"`
	Most         float64 `json:"most"`
}

type linkOneJSON struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Down     float64        `json:"down_bits_per_s"`
	Up       float64        `json:"up_bits_per_s"`
	Shared   bool           `json:"shared"`
	Costs    []linkCostJSON `json:"costs"`
	BitsPerS float64        `json:"bits_per_s"`
	Total    float64        `json:"total"`
	Fits     bool           `json:"fits"`
	Fit      linkFitJSON    `json:"fit"`
	Alone    linkFitJSON    `json:"alone"`
	Required []linkReqJSON  `json:"required"`
}

type linkCostJSON struct {
	Name     string  `json:"name"`
	What     string  `json:"what"`
	Counts   bool    `json:"counts"`
	Bytes    int     `json:"bytes"`
	Frames   int     `json:"frames"`
	PerS     float64 `json:"per_s"`
	BitsPerS float64 `json:"bits_per_s"`
	Share    float64 `json:"share"`
	DelayNS  *int64  `json:"delay_ns,omitempty"`
	AloneNS  int64   `json:"alone_ns"`
}

type linkFitJSON struct {
	FramesPerS   *float64 `json:"frames_per_s,omitempty"`
	NoteEveryS   *float64 `json:"note_every_s,omitempty"`
	CommandsPerS *float64 `json:"commands_per_s,omitempty"`
	SessionsPerS *float64 `json:"sessions_per_s,omitempty"`
}

type linkReqJSON struct {
	Link  string   `json:"link"`
	Expr  string   `json:"expr"`
	Value *float64 `json:"value,omitempty"`
	OK    bool     `json:"ok"`
}

func (out *linkOutcome) json() linkJSON {
	j := linkJSON{
		Telemetry: linkMixJSON{out.mix.What, out.mix.PerS, out.mix.bytesPerS() * 8},
		Settings:  linkSettingsJSON{out.options.packets, out.rates.notes, out.rates.commands, out.rates.sessions, out.options.wire, out.most},
		Links:     []linkOneJSON{}, Violations: []linkReqJSON{},
	}
	for _, r := range out.links {
		one := linkOneJSON{Name: r.link.Name, Title: r.link.Title, Down: r.link.Down.BitsPerS, Up: r.link.Up.BitsPerS, Shared: r.link.Shared,
			BitsPerS: r.bitsPerS(), Total: r.total.Load(), Fits: r.fits, Required: []linkReqJSON{},
			Fit: r.fit.json(), Alone: r.alone.json()}
		for _, c := range append([]linkCost{r.telemetry}, r.costs...) {
			cost := linkCostJSON{Name: c.name, What: c.what, Counts: c.chosen, Bytes: c.bytes, Frames: c.frames, PerS: c.perS, BitsPerS: c.bitsPerS(), Share: c.use.Load(), AloneNS: int64(c.alone)}
			if c.delay >= 0 {
				ns := int64(c.delay)
				cost.DelayNS = &ns
			}
			one.Costs = append(one.Costs, cost)
		}
		for _, q := range r.required {
			req := linkReqJSON{r.link.Name, q.expr.Text, finite(q.value), q.ok}
			one.Required = append(one.Required, req)
			if !q.ok {
				j.Violations = append(j.Violations, req)
			}
		}
		j.Links = append(j.Links, one)
	}
	return j
}

func (f *linkFit) json() linkFitJSON {
	return linkFitJSON{finite(f.telemetryPerS), finite(f.noteEveryS), finite(f.commandsPerS), finite(f.sessionsPerS)}
}

// plain has a row a cost of each link.
func (out *linkOutcome) plain() *report.Grid {
	g := &report.Grid{}
	for _, n := range []string{"link", "name", "what", "counts", "bytes", "frames", "per_s", "bits_per_s", "share", "delay_ns", "alone_ns"} {
		g.Columns = append(g.Columns, report.Column{Name: n})
	}
	var rows [][]report.Cell
	for _, one := range out.json().Links {
		for _, c := range one.Costs {
			delay := report.Cell{}
			if c.DelayNS != nil {
				delay = report.Int(*c.DelayNS)
			}
			counts := "no"
			if c.Counts {
				counts = "yes"
			}
			rows = append(rows, []report.Cell{report.String(one.Name), report.String(c.Name), report.String(c.What), report.String(counts), report.Int(c.Bytes), report.Int(c.Frames),
				report.Float(c.PerS, 6), report.Float(c.BitsPerS, 3), report.Float(c.Share, 6), delay, report.Int(c.AloneNS)})
		}
	}
	g.Rows = report.RowsOf(rows...)
	return g
}
