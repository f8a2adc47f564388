package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/report"
	"cqkit/pkg/wire"
)

// handshakeVerdicts are the verdicts, the worst first.
var handshakeVerdicts = []wire.HandshakeVerdict{wire.HandshakeForged, wire.HandshakeMalformed, wire.HandshakeUntrusted,
	wire.HandshakeOrphaned, wire.HandshakeOffered, wire.HandshakeAnswered}

func printSessions(cmd *cobra.Command, reports *cli.Reports, all *sessions) error {
	return reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch reports.Format {
		case report.JSON:
			return report.WriteJSON(w, all)
		case report.CSV:
			return sessionsGrid(all).WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, sessionsSuite(all))
		case report.Markdown:
			return sessionsPage(all).WriteMarkdown(w)
		}
		return sessionsPage(all).WriteText(w, style)
	})
}

// verdict says in words what the handshakes come to.
func (all *sessions) verdict() string {
	var parts []string
	for _, v := range handshakeVerdicts {
		if n := all.Summary[string(v)]; n > 0 {
			parts = append(parts, cli.Thousands(int64(n))+" "+string(v))
		}
	}
	if parts == nil {
		return "no handshake"
	}
	return strings.Join(parts, ", ")
}

func sessionsPage(all *sessions) *report.Page {
	p := &report.Page{Title: "handshakes: " + all.verdict(), Parts: warningList(all.Warnings)}
	for i := range all.Sessions[:min(len(all.Sessions), shownFindings)] {
		p.Parts = append(p.Parts, all.fields(&all.Sessions[i]))
	}
	if more := len(all.Sessions) - shownFindings; more > 0 {
		p.Parts = append(p.Parts, report.Paragraph(fmt.Sprintf("and %s; --json lists them all", cli.Count(int64(more), "more handshake"))))
	}
	return p
}

func (all *sessions) fields(s *session) report.Fields {
	tone := report.Bad
	if wire.HandshakeVerdict(s.Verdict).Good() {
		tone = report.Good
	}
	verdict := s.Verdict
	if s.Reason != "" {
		verdict += ": " + s.Reason
	}
	fields := report.Fields{{Name: "verdict", Value: report.String(verdict).As(tone)}}
	add := func(name, value string) {
		if value != "" {
			fields = append(fields, report.Field{Name: name, Value: report.String(value)})
		}
	}
	add("session", s.Session)
	add("vehicle", all.named(s.Vehicle))
	add("ground station", all.named(s.Ground))
	add("suite", s.Suite)
	add("confirmed", s.confirmed())
	for _, m := range s.Messages {
		at := title(m.File)
		if m.Index != nil {
			at += fmt.Sprintf(", record %d", *m.Index)
		}
		if m.TimeUS != nil {
			at += ", " + clock(*m.TimeUS, true)
		}
		add("message", at)
	}
	return fields
}

// named is a key with its label.
func (all *sessions) named(fingerprint string) string {
	if label := all.labels[fingerprint]; label != "" {
		return label + ", " + fingerprint
	}
	return fingerprint
}

func (s *session) confirmed() string {
	if s.ConfirmedBy == nil {
		return ""
	}
	text := "by " + strings.Join(s.ConfirmedBy, " and ")
	if !*s.Checked {
		text += ", which only the two sides can check"
	}
	return text
}

// sessionsGrid has a row a handshake, for programs.
func sessionsGrid(all *sessions) *report.Grid {
	g := &report.Grid{Rows: func(yield func([]report.Cell) bool) {
		for i := range all.Sessions {
			s := &all.Sessions[i]
			row := []report.Cell{report.String(s.Verdict), report.String(s.Session), report.String(s.Suite), report.String(s.Vehicle), report.String(s.Ground),
				report.String(strings.Join(s.ConfirmedBy, " ")), {}, report.String(s.Messages[0].File), optional(s.Messages[0].Index), optional(s.Messages[0].TimeUS), report.String(s.Reason)}
			if s.Checked != nil {
				row[6] = report.String(fmt.Sprint(*s.Checked))
			}
			if !yield(row) {
				return
			}
		}
	}}
	for _, name := range []string{"verdict", "session", "suite", "vehicle", "ground", "confirmed_by", "confirmations_checked", "file", "index", "time_us", "reason"} {
		g.Columns = append(g.Columns, report.Column{Name: name})
	}
	return g
}

// sessionsSuite is a case a handshake.
func sessionsSuite(all *sessions) report.Suite {
	suite := report.Suite{Name: "cqverify session"}
	for i := range all.Sessions {
		s := &all.Sessions[i]
		name := s.Session
		if name == "" {
			name = s.Messages[0].File
		}
		c := report.Case{Name: name, Class: "session"}
		if !wire.HandshakeVerdict(s.Verdict).Good() {
			c.Failure = &report.Problem{Type: s.Verdict, Message: s.Reason}
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}
