package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/report"
	"cqkit/pkg/trust"
)

func trustShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show FILE...",
		Short: "say what is in trust files and revocation lists",
		Long: `Usage:
    cqkeygen trust show FILE...

Says which keys each trust file names and whether they count now, and what its
root has revoked. FILE may also be a revocation list, whose signature can only
be checked where its root is named: in a trust file.

Options:
    -o, --output FILE           write the report to FILE
        --force                 replace FILE if it exists
        --format FORMAT         table (the default), markdown, csv or json
        --json                  short for --format json`,
		Example: `    $ cqkeygen -o pilot-7
    $ cqkeygen trust add fleet.trust pilot-7.pub
    $ cqkeygen trust show fleet.trust
    $ cqkeygen trust show --json fleet.trust`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no trust file given")
			}
			return nil
		},
	}
	reports := cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := declare(cmd, args...); err != nil {
			return err
		}
		now := time.Now()
		var files []shown
		var failed error
		for _, name := range args {
			s, err := show(name, now)
			if err != nil {
				failed = errors.Join(failed, cli.Report(cmd, err))
				continue
			}
			files = append(files, s)
		}
		if len(files) == 0 {
			return failed
		}
		return errors.Join(failed, reports.Write(cmd, func(w io.Writer, style report.Style) error {
			return writeShown(w, reports.Format, style, files)
		}))
	}
	return cmd
}

// shown is one file in the JSON report; see docs/schema/cqkeygen-trust.json.
type shown struct {
	File        string           `json:"file"`
	Kind        string           `json:"kind"` // trust or revocations
	Root        *shownRoot       `json:"root,omitempty"`
	Keys        []shownKey       `json:"keys"`
	Witnesses   []shownWitness   `json:"witnesses"`
	Authorities []shownAuthority `json:"authorities"`
	Revocations []shownStep      `json:"revocations"`
}

type shownRoot struct {
	Fingerprint string `json:"fingerprint"`
	Label       string `json:"label,omitempty"`
	Verified    bool   `json:"verified"` // whether the list carries its signature
	Steps       int    `json:"steps"`
	AsOf        string `json:"as_of,omitempty"`
}

type shownKey struct {
	Fingerprint string     `json:"fingerprint"`
	Label       string     `json:"label,omitempty"`
	Since       string     `json:"since,omitempty"`
	Until       string     `json:"until,omitempty"`
	Status      string     `json:"status"` // counts, too_early, too_late, revoked
	Revoked     *shownStep `json:"revoked,omitempty"`
}

type shownWitness struct {
	Name  string `json:"name"`
	Label string `json:"label,omitempty"`
	Key   string `json:"key"`
}

type shownAuthority struct {
	Fingerprint string `json:"fingerprint"`
	Label       string `json:"label,omitempty"`
	Subject     string `json:"subject"`
	NotBefore   string `json:"not_before"`
	NotAfter    string `json:"not_after"`
}

// shownStep is a revocation.
type shownStep struct {
	Fingerprint string `json:"fingerprint"`
	From        string `json:"from,omitempty"` // absent: from the beginning
	Reason      string `json:"reason"`
	Text        string `json:"text,omitempty"`
	Issued      string `json:"issued_at"`
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func show(name string, now time.Time) (shown, error) {
	s := shown{File: name, Kind: "trust", Keys: []shownKey{}, Witnesses: []shownWitness{}, Authorities: []shownAuthority{}, Revocations: []shownStep{}}
	data, err := keyring.Read(name)
	if err != nil {
		return s, err
	}
	if trust.IsList(data) {
		l, err := trust.ParseList(data)
		if err != nil {
			return s, named(name, err)
		}
		s.Kind, s.Root = "revocations", &shownRoot{Fingerprint: l.Root}
		s.list(l)
		return s, nil
	}
	f, err := readTrust(name)
	if err != nil {
		return s, err
	}
	r := new(trust.Registry)
	if err := r.AddFile(f, keyring.Verify); err != nil {
		return s, named(name, err)
	}
	if f.Root != nil {
		s.Root = &shownRoot{Fingerprint: f.Root.Fingerprint, Label: f.Root.Label, Verified: f.Root.Revoked != nil}
		if f.Root.Revoked != nil {
			s.list(f.Root.Revoked)
		}
	}
	for _, k := range f.Keys {
		s.Keys = append(s.Keys, newShownKey(r, k, now))
	}
	for _, w := range f.Witnesses {
		s.Witnesses = append(s.Witnesses, shownWitness{w.Name, w.Label, w.String()})
	}
	for _, a := range f.Authorities {
		from, until := a.Validity()
		s.Authorities = append(s.Authorities, shownAuthority{a.Fingerprint, a.Label, a.Subject(), stamp(from), stamp(until)})
	}
	return s, nil
}

func (s *shown) list(l *trust.List) {
	s.Root.Steps, s.Root.AsOf = len(l.Steps), stamp(l.AsOf())
	for _, step := range l.Steps {
		if step.Revoke != nil {
			s.Revocations = append(s.Revocations, newShownStep(step.Revoke))
		}
	}
}

func newShownStep(v *trust.Revocation) shownStep {
	return shownStep{v.Fingerprint, stamp(v.From), string(v.Reason), v.Text, stamp(v.Issued)}
}

func newShownKey(r *trust.Registry, k *trust.Key, now time.Time) shownKey {
	s := shownKey{Fingerprint: k.Fingerprint, Label: k.Label, Since: stamp(k.Since), Until: stamp(k.Until), Status: "counts"}
	var refusal *trust.Refusal
	if _, err := r.Live(k.Fingerprint, now); errors.As(err, &refusal) {
		s.Status = map[trust.Why]string{trust.TooEarly: "too_early", trust.TooLate: "too_late", trust.Revoked: "revoked"}[refusal.Why]
	}
	if v, ok := r.Revoked(k.Fingerprint); ok {
		step := newShownStep(v)
		s.Revoked = &step
	}
	return s
}

func writeShown(w io.Writer, format report.Format, style report.Style, files []shown) error {
	switch format {
	case report.JSON:
		return report.WriteJSON(w, struct {
			Files []shown `json:"files"`
		}{files})
	case report.CSV:
		return shownGrid(files).WriteCSV(w)
	case report.Markdown:
		return shownPage(files).WriteMarkdown(w)
	}
	return shownPage(files).WriteText(w, style)
}

// shownPage is the report for people.
func shownPage(files []shown) *report.Page {
	p := &report.Page{}
	for i := range files {
		s := &files[i]
		p.Parts = append(p.Parts, report.Heading(s.File))
		if s.Root != nil {
			p.Parts = append(p.Parts, s.rootFields())
		}
		for _, k := range s.Keys {
			p.Parts = append(p.Parts, k.fields())
		}
		for _, w := range s.Witnesses {
			p.Parts = append(p.Parts, labelled("witness", w.Name, w.Label))
		}
		for _, a := range s.Authorities {
			p.Parts = append(p.Parts, append(labelled("authority", a.Subject, a.Label),
				report.Field{Name: "fingerprint", Value: report.String(a.Fingerprint)},
				report.Field{Name: "valid", Value: report.String(a.NotBefore + " to " + a.NotAfter)}))
		}
		for _, r := range s.Revocations {
			if s.Kind == "revocations" || !s.names(r.Fingerprint) {
				p.Parts = append(p.Parts, append(labelled("revoked", r.Fingerprint, ""), report.Field{Name: "since", Value: report.String(r.words())}))
			}
		}
	}
	return p
}

// names reports whether a key is in the file.
func (s *shown) names(fingerprint string) bool {
	for _, k := range s.Keys {
		if k.Fingerprint == fingerprint {
			return true
		}
	}
	return false
}

func labelled(kind, what, label string) report.Fields {
	fields := report.Fields{{Name: kind, Value: report.String(what)}}
	if label != "" {
		fields = append(fields, report.Field{Name: "label", Value: report.String(label)})
	}
	return fields
}

func (s *shown) rootFields() report.Fields {
	fields := labelled("root", s.Root.Fingerprint, s.Root.Label)
	text := "none known"
	switch {
	case s.Root.Steps > 0 && !s.Root.Verified:
		text = fmt.Sprintf("%d of keys, as of %s; signature not checked", len(s.Revocations), s.Root.AsOf)
	case s.Root.Steps > 0:
		text = fmt.Sprintf("%d of keys, as of %s", len(s.Revocations), s.Root.AsOf)
	}
	return append(fields, report.Field{Name: "revocations", Value: report.String(text)})
}

func (k shownKey) fields() report.Fields {
	fields := labelled("key", k.Fingerprint, k.Label)
	tone, status := report.Good, "counts"
	switch k.Status {
	case "too_early":
		tone, status = report.Odd, "does not count yet"
	case "too_late":
		tone, status = report.Odd, "counts only for what was signed before it ended"
	case "revoked":
		tone, status = report.Bad, "revoked "+k.Revoked.words()
	default:
		if k.Revoked != nil {
			tone, status = report.Odd, "counts, but is revoked "+k.Revoked.words()
		}
	}
	fields = append(fields, report.Field{Name: "status", Value: report.String(status).As(tone)})
	for _, end := range []struct{ name, at string }{{"since", k.Since}, {"until", k.Until}} {
		if end.at != "" {
			fields = append(fields, report.Field{Name: end.name, Value: report.String(end.at)})
		}
	}
	return fields
}

func (s *shownStep) words() string {
	from := "from the beginning"
	if s.From != "" {
		from = "as of " + s.From
	}
	text := from + ", " + s.Reason
	if s.Text != "" {
		text += ": " + s.Text
	}
	return text
}

func shownGrid(files []shown) *report.Grid {
	g := &report.Grid{}
	for _, name := range []string{"file", "entry", "id", "label", "since", "until", "status", "revoked_from", "reason", "text"} {
		g.Columns = append(g.Columns, report.Column{Name: name})
	}
	var rows [][]report.Cell
	add := func(cells ...string) {
		row := make([]report.Cell, len(g.Columns))
		for i, c := range cells {
			row[i] = report.String(c)
		}
		rows = append(rows, row)
	}
	for _, s := range files {
		if s.Root != nil {
			add(s.File, "root", s.Root.Fingerprint, s.Root.Label)
		}
		for _, k := range s.Keys {
			var r shownStep
			if k.Revoked != nil {
				r = *k.Revoked
			}
			add(s.File, "key", k.Fingerprint, k.Label, k.Since, k.Until, k.Status, r.From, r.Reason, r.Text)
		}
		for _, w := range s.Witnesses {
			add(s.File, "witness", w.Key, w.Label)
		}
		for _, a := range s.Authorities {
			add(s.File, "authority", a.Fingerprint, a.Label, a.NotBefore, a.NotAfter)
		}
		for _, r := range s.Revocations {
			if s.Kind == "revocations" || !s.names(r.Fingerprint) {
				add(s.File, "revoked", r.Fingerprint, "", "", "", "revoked", r.From, r.Reason, r.Text)
			}
		}
	}
	g.Rows = report.RowsOf(rows...)
	return g
}
