package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench/link"
	"cqkit/pkg/report"
	"cqkit/pkg/stat"
)

type linkOptions struct {
	links                              []string
	log, rate                          string
	size                               int
	packets, every, commands, sessions string
	wire                               string
	most                               string
	require                            []string
	replace                            bool // files
	reports                            *cli.Reports
	cmd                                *cobra.Command
}

func linkCommand() *cobra.Command {
	var o linkOptions
	cmd := &cobra.Command{
		Use:   "link",
		Short: "what authentication costs on a radio link",
		Long: `Usage:
    cqbench link [--link NAME]... [--log FILE]
    cqbench link --link 9.6k --rate 20/s --size 48 --every 60s --commands 6/m
    cqbench link --link sik --require 'total<=80%,command/delay<=2s'

Computes, without measuring anything, what tags on packets, notes of a seal,
signed commands and sessions take of a radio link beside the telemetry, how
long each is under way, and which settings fit. The lengths are those that the
encoders make. docs/link.md has the links and what is supposed of them.

Options:
        --link NAME      sik, rfd900, wifi, lte, iridium, leo-2k, leo-8k, or
                         bits a second: 19200, 9.6k, 2M; repeatable (default
                         all that have names)
        --log FILE       telemetry as this log has it, by its times
        --rate RATE      frames of telemetry (default 50/s)
        --size BYTES     of each, header and checksum included (default 40)
        --packets KIND   how frames are protected: tagged, sealed, v1 (as
                         CleitonQ tags them) or none (default tagged)
        --every N|TIME   a note of the seal every so many frames, or so often,
                         or none (default 60s)
        --commands RATE  signed commands, or none (default 6/m)
        --sessions RATE  handshakes, or none (default 1/h)
        --wire VERSION   commands and sessions of cqkit (v2) or of CleitonQ
                         (v1) (default v2)
        --most SHARE     of the link that may be taken (default 80%)
        --require EXPR   what must hold on each link, of total, telemetry,
                         packets, notes, commands and sessions ('total<=60%')
                         and of packet/delay, note/delay, command/delay and
                         session/delay ('command/delay<=2s'); repeatable
    -o, --output FILE    write the report to FILE
        --replace        replace FILE if it exists
        --format FORMAT  table, markdown, csv, json, junit or html
        --json           short for --format json`,
		Example: `    $ cqbench link
    $ cqbench link --link sik --rate 100/s --packets none
    $ cqbench link --link 9.6k --json`,
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.links, "link", nil, "links")
	f.StringVar(&o.log, "log", "", "telemetry of this log")
	f.StringVar(&o.rate, "rate", "50/s", "frames of telemetry")
	f.IntVar(&o.size, "size", 40, "bytes of each")
	f.StringVar(&o.packets, "packets", packetKinds[0], "how frames are protected")
	f.StringVar(&o.every, "every", "60s", "notes of the seal")
	f.StringVar(&o.commands, "commands", "6/m", "signed commands")
	f.StringVar(&o.sessions, "sessions", "1/h", "handshakes")
	f.StringVar(&o.wire, "wire", "v2", "commands and sessions of v2 or v1")
	f.StringVar(&o.most, "most", "80%", "of the link that may be taken")
	f.StringArrayVar(&o.require, "require", nil, "what must hold on each link")
	f.BoolVar(&o.replace, "replace", false, "replace the file if it exists")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit, report.HTML)
	if err := f.MarkHidden("force"); err != nil { // it is about sessions that do not fit, and there are none
		panic(err)
	}
	cli.SetExit(cmd, 1, "something is not as required on a link")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		o.cmd = cmd
		return o.run()
	}
	return cmd
}

func (o *linkOptions) run() error {
	if o.reports.Force {
		return cli.Hint(cli.Usagef("there is nothing to force"), "use --replace to overwrite a file")
	}
	if err := refuseExisting(o.replace, o.reports.Output); err != nil {
		return err
	}
	o.reports.Force = o.replace
	if o.log != "" && (o.cmd.Flags().Changed("rate") || o.cmd.Flags().Changed("size")) {
		return cli.Usagef("--log has rate and sizes; --rate and --size stand in for one")
	}
	if !slices.Contains(packetKinds, o.packets) {
		return cli.Usagef("--packets is one of %s", strings.Join(packetKinds, ", "))
	}
	if o.wire != "v1" && o.wire != "v2" {
		return cli.Usagef("--wire is v1 or v2")
	}
	most, err := o.readMost()
	if err != nil {
		return err
	}
	var exprs []stat.Expr
	for _, text := range o.require {
		list, err := stat.ParseList(text, linkKinds)
		if err != nil {
			return cli.Hint(cli.Usage(err), "there are %s", strings.Join(linkMetrics, ", "))
		}
		exprs = append(exprs, list...)
	}
	links, err := o.readLinks()
	if err != nil {
		return err
	}
	var rates linkRates
	if rates.commands, err = readRate("--commands", o.commands); err != nil {
		return err
	}
	if rates.sessions, err = readRate("--sessions", o.sessions); err != nil {
		return err
	}
	if rates.notes, err = readEvery("--every", o.every, 1); err != nil {
		return err
	}
	mix, err := o.readMix()
	if err != nil {
		return err
	}
	if rates.notes, err = readEvery("--every", o.every, mix.PerS); err != nil {
		return err
	}
	enc, err := encode()
	if err != nil {
		return err
	}
	out := &linkOutcome{mix: mix, options: o, rates: rates, most: most}
	for i := range links {
		r := newLinkReport(&links[i], mix, enc, o, rates, most)
		r.judge(exprs)
		out.links = append(out.links, r)
	}
	err = o.reports.Write(o.cmd, func(w io.Writer, style report.Style) error { return out.write(w, style, o.reports.Format) })
	if err == nil && out.violated() {
		return cli.Rejected(nil)
	}
	return err
}

func (o *linkOptions) readMost() (float64, error) {
	e, err := stat.Parse("most<="+o.most, func(string) []stat.Kind { return []stat.Kind{stat.Ratio} })
	if err != nil || e.Value <= 0 || e.Value > 1 {
		return 0, cli.Hint(cli.Usagef("--most %q is no share of at most 100%%", o.most), "try --most 80%%")
	}
	return e.Value, nil
}

// linkMetrics are what --require knows.
var linkMetrics = []string{"total", "telemetry", "packets", "notes", "commands", "sessions", "packet/delay", "note/delay", "command/delay", "session/delay"}

func linkKinds(name string) []stat.Kind {
	switch {
	case !slices.Contains(linkMetrics, name):
		return nil
	case strings.HasSuffix(name, "/delay"):
		return []stat.Kind{stat.Duration}
	}
	return []stat.Kind{stat.Ratio}
}

// linkRates are how often something happens, a second.
type linkRates struct{ notes, commands, sessions float64 }

// A linkCost is what something takes of a link.
type linkCost struct {
	name   string // as in linkMetrics, of its share
	what   string
	bytes  int     // of one
	frames int     // of one; 0 for packets, which make frames longer
	perS   float64 // how often
	use    link.Use
	delay  time.Duration // of one beside the telemetry; -1 where it never arrives
	alone  time.Duration // of one if there were nothing else
	chosen bool          // counts in the total
}

func (c *linkCost) bitsPerS() float64 { return float64(c.bytes*8) * c.perS }

// A linkReport is what is said of one link.
type linkReport struct {
	link      *link.Link
	telemetry linkCost
	costs     []linkCost // packets of each kind, note, command and session of both versions
	total     link.Use
	fits      bool
	most      float64
	fit       linkFit // beside the rest
	alone     linkFit // without it
	required  []linkRequired
}

// linkFit is how far each setting can go when the others are as they are, 0 if it cannot.
type linkFit struct {
	telemetryPerS float64 // frames, protected as asked
	noteEveryS    float64 // seconds; +Inf if no note fits
	commandsPerS  float64
	sessionsPerS  float64
}

type linkRequired struct {
	expr  stat.Expr
	value float64
	ok    bool
}

func newLinkReport(l *link.Link, m *mix, enc *encoded, o *linkOptions, rates linkRates, most float64) *linkReport {
	r := &linkReport{link: l, most: most}
	bare := m.use(l, 0)
	mean := int(math.Round(m.bytesPerS() / max(m.PerS, 1e-9)))
	frame := link.Event{{Direction: link.Down, Frames: []int{mean}}}
	r.telemetry = linkCost{name: "telemetry", what: "telemetry", bytes: mean, frames: 1, perS: m.PerS, use: bare, delay: r.delay(frame, link.Use{}), alone: r.delay(frame, link.Use{}), chosen: true}
	for _, kind := range packetKinds[:3] {
		more := enc.perPacket[kind]
		use := m.use(l, more)
		for i := range use {
			use[i] -= bare[i]
		}
		longer := link.Event{{Direction: link.Down, Frames: []int{mean + more}}}
		r.costs = append(r.costs, linkCost{"packets", map[string]string{"tagged": "tagged packets", "sealed": "sealed packets", "v1": "tagged packets, v1"}[kind], more, 0, m.PerS,
			use, r.delay(longer, link.Use{}) - r.telemetry.delay, r.delay(longer, link.Use{}) - r.telemetry.delay, o.packets == kind})
	}
	busy := m.use(l, enc.perPacket[o.packets])
	add := func(name, what string, e link.Event, perS float64, chosen bool) {
		r.costs = append(r.costs, linkCost{name, what, e.Bytes(), e.Frames(), perS, l.Use(e).Times(perS), r.delay(e, busy), r.delay(e, link.Use{}), chosen})
	}
	add("notes", "note of a seal", enc.note, rates.notes, true)
	for _, v := range []string{"v2", "v1"} {
		suffix := map[string]string{"v2": "", "v1": ", v1"}[v]
		add("commands", "signed command"+suffix, enc.command[v], rates.commands, o.wire == v)
		add("sessions", "handshake"+suffix, enc.session[v], rates.sessions, o.wire == v)
	}
	r.total = bare
	for _, c := range r.costs {
		if c.chosen {
			r.total = r.total.Plus(c.use)
		}
	}
	r.fits = r.total.Load() <= most
	r.solve(m, enc, o, busy)
	return r
}

// delay is how long an event takes beside what is used, -1 if nothing is left.
func (r *linkReport) delay(e link.Event, used link.Use) time.Duration {
	d, ok := r.link.Delay(e, used)
	if !ok {
		return -1
	}
	return d
}

// solve finds how far each setting can go.
func (r *linkReport) solve(m *mix, enc *encoded, o *linkOptions, busy link.Use) {
	without := func(name string) (u link.Use) {
		if name != "telemetry" {
			u = busy
		}
		for _, c := range r.costs {
			if c.chosen && c.name != name && c.name != "packets" {
				u = u.Plus(c.use)
			}
		}
		return u
	}
	telemetry := func(used link.Use) float64 {
		if m.PerS == 0 {
			return 0
		}
		return m.PerS * link.Room(used, busy, r.most)
	}
	fit := func(used func(name string) link.Use) linkFit {
		return linkFit{
			telemetryPerS: telemetry(used("telemetry")),
			noteEveryS:    1 / link.Room(used("notes"), r.link.Use(enc.note), r.most),
			commandsPerS:  link.Room(used("commands"), r.link.Use(enc.command[o.wire]), r.most),
			sessionsPerS:  link.Room(used("sessions"), r.link.Use(enc.session[o.wire]), r.most),
		}
	}
	r.fit, r.alone = fit(without), fit(func(string) link.Use { return link.Use{} })
}

// judge judges what is required. What never arrives is later than anything.
func (r *linkReport) judge(exprs []stat.Expr) {
	for _, e := range exprs {
		v := r.metric(e.Name)
		r.required = append(r.required, linkRequired{e, v, e.Holds(v)})
	}
}

// metric is the value of one of linkMetrics.
func (r *linkReport) metric(name string) float64 {
	switch name {
	case "total":
		return r.total.Load()
	case "telemetry":
		return r.telemetry.use.Load()
	}
	name, delay := strings.CutSuffix(name, "/delay")
	for _, c := range r.costs {
		switch {
		case !c.chosen:
		case delay && (c.name == name || c.name == name+"s"):
			if c.delay < 0 {
				return math.Inf(1)
			}
			return float64(c.delay)
		case !delay && c.name == name:
			return c.use.Load()
		}
	}
	return 0 // packets that are not protected
}

// linkOutcome is all there is to report.
type linkOutcome struct {
	mix     *mix
	options *linkOptions
	rates   linkRates
	most    float64
	links   []*linkReport
}

func (out *linkOutcome) violated() bool {
	return slices.ContainsFunc(out.links, func(r *linkReport) bool {
		return slices.ContainsFunc(r.required, func(q linkRequired) bool { return !q.ok })
	})
}

func (out *linkOutcome) write(w io.Writer, style report.Style, format report.Format) error {
	switch format {
	case report.JSON:
		return report.WriteJSON(w, out.json())
	case report.CSV:
		return out.plain().WriteCSV(w)
	case report.JUnit:
		return report.WriteJUnit(w, out.suite())
	case report.Markdown:
		return out.page().WriteMarkdown(w)
	case report.HTML:
		return out.page().WriteHTML(w)
	}
	return out.page().WriteText(w, style)
}

func (out *linkOutcome) suite() report.Suite {
	s := report.Suite{Name: "cqbench link"}
	for _, r := range out.links {
		for _, q := range r.required {
			c := report.Case{Name: r.link.Name + " " + q.expr.Text, Class: "require"}
			if !q.ok {
				c.Failure = &report.Problem{Type: "violated", Message: fmt.Sprintf("computed %g", q.value)}
			}
			s.Cases = append(s.Cases, c)
		}
		if len(r.required) == 0 {
			s.Cases = append(s.Cases, report.Case{Name: r.link.Name, Class: "computed", Output: []string{fmt.Sprintf("total %.1f %%", 100*r.total.Load())}})
		}
	}
	return s
}
