package guard

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"cqkit/pkg/gcra"
)

// document is the settings of a guard as JSON has them; see docs/guard-control.md.
type document struct {
	Mode   string                   `json:"mode"`
	Limits map[string]limitDocument `json:"limits"`
	Gate   *gateDocument            `json:"gate,omitempty"`
}

type limitDocument struct {
	Rate     string            `json:"rate"`
	Burst    uint64            `json:"burst"`
	DryRun   bool              `json:"dry_run"`
	Adaptive *adaptiveDocument `json:"adaptive,omitempty"`
}

type adaptiveDocument struct {
	Min string `json:"min"`
	Max string `json:"max"`
}

type gateDocument struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

var modeNames = [...]string{Enforce: "enforce", DryRun: "dry_run"}

// tree returns the document as parseTree would.
func (d document) tree() any {
	data, err := json.Marshal(d)
	if err == nil {
		var v any
		if v, err = parseTree(data); err == nil {
			return v
		}
	}
	panic(err) // it is JSON
}

// differences lists what two documents say differently, for people.
func differences(before, after document) []string {
	a, b := map[string]string{}, map[string]string{}
	flatten(before.tree(), "", a)
	flatten(after.tree(), "", b)
	var list []string
	names := maps.Clone(a)
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a[name] != b[name] {
			list = append(list, fmt.Sprintf("%s: %s → %s", name, orNone(a[name]), orNone(b[name])))
		}
	}
	return list
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func flatten(v any, path string, into map[string]string) {
	object, ok := v.(map[string]any)
	if !ok {
		into[path] = fmt.Sprint(v)
		return
	}
	for name, v := range object {
		p := name
		if path != "" {
			p = path + "." + name
		}
		flatten(v, p, into)
	}
}

// rate reads a rate such as "500/s". One that is written as now is, is now: not every rate
// can be written exactly.
func (r reader) rate(name string, now gcra.Rate) gcra.Rate {
	s := r.text(name)
	if now != (gcra.Rate{}) && s == now.String() {
		return now
	}
	rate, err := gcra.ParseRate(s)
	if err != nil {
		r.fail(name, err.Error())
	}
	return rate
}

// describe returns settings as a document.
func describe(s Settings) document {
	d := document{Mode: modeNames[s.Mode], Limits: map[string]limitDocument{}}
	for _, l := range s.Limits {
		one := limitDocument{Rate: l.Limit.Rate.String(), Burst: l.Limit.Burst, DryRun: l.DryRun}
		if l.Min != (gcra.Rate{}) {
			one.Adaptive = &adaptiveDocument{l.Min.String(), l.Max.String()}
		}
		d.Limits[l.Name] = one
	}
	if s.Gate != nil {
		d.Gate = &gateDocument{s.Gate.Min, s.Gate.Max}
	}
	return d
}

// readSettings returns what a body says, in the order of the current settings, whose rates it
// keeps where they are written as they were.
func readSettings(body any, current Settings) (Settings, error) {
	var err error
	r := newReader(body, "", &err)
	var s Settings
	switch mode := r.text("mode"); mode {
	case modeNames[Enforce]:
	case modeNames[DryRun]:
		s.Mode = DryRun
	default:
		r.fail("mode", "is not enforce or dry_run")
	}
	limits := r.under("limits")
	for _, now := range current.Limits {
		s.Limits = append(s.Limits, readLimit(limits.under(now.Name), now))
	}
	limits.end()
	if current.Gate != nil {
		gate := r.under("gate")
		s.Gate = &GateSettings{gate.limit("min"), gate.limit("max")}
		gate.end()
	}
	r.end()
	return s, err
}

func readLimit(r reader, now LimitSettings) LimitSettings {
	l := LimitSettings{Name: now.Name, Limit: gcra.Limit{Rate: r.rate("rate", now.Limit.Rate), Burst: r.count("burst")}, DryRun: r.flag("dry_run")}
	if now.Min != (gcra.Rate{}) || r.has("adaptive") {
		bounds := r.under("adaptive")
		l.Min, l.Max = bounds.rate("min", now.Min), bounds.rate("max", now.Max)
		bounds.end()
	}
	r.end()
	return l
}

// limit reads a concurrency limit. Whether it is in bounds, the guard knows.
func (r reader) limit(name string) int { return int(min(r.count(name), 1<<31-1)) }
