package main

import (
	"fmt"

	"cqkit/pkg/report"
	"cqkit/pkg/wire"
)

// commandsGrid has a row a command, for programs.
func commandsGrid(logs []*commandsLog) *report.Grid {
	names := []string{"log", "verdict", "index", "offset", "time_us", "message", "command", "system", "component", "has_frame", "statement_index", "made", "wire",
		"nonce", "signer", "receiver", "session", "origin", "signed_index", "signed_time_us", "chunks", "chunks_seen", "copies", "reason"}
	g := &report.Grid{Columns: make([]report.Column, len(names))}
	for i, name := range names {
		g.Columns[i].Name = name
	}
	g.Rows = func(yield func([]report.Cell) bool) {
		for _, l := range logs {
			for i := range l.Commands {
				if !yield(l.Commands[i].cells(l.Log)) {
					return
				}
			}
		}
	}
	return g
}

func (c *command) cells(log string) []report.Cell {
	cells := []report.Cell{report.String(log), report.String(c.Verdict), report.Int(c.Index), report.Int(c.Offset), optional(c.TimeUS), report.String(c.Message),
		{}, {}, {}, report.String(fmt.Sprint(c.HasFrame)), optional(c.StatementIndex), report.String(c.Made), report.String(c.Wire), {}, report.String(c.Signer),
		report.String(c.Receiver), report.String(c.Session), report.String(c.Origin), {}, optional(c.SignedTimeUS), {}, {}, report.Int(c.Copies), report.String(c.Reason)}
	if c.Command > 0 {
		cells[6] = report.Uint(c.Command)
	}
	if c.System != nil {
		cells[7], cells[8] = report.Uint(*c.System), report.Uint(*c.Component)
	}
	if c.Nonce != "" {
		cells[13] = report.Number(c.Nonce, c.Nonce)
	}
	if c.SignedIndex != nil {
		cells[18] = report.Uint(*c.SignedIndex)
	}
	if c.Chunks != nil {
		cells[20], cells[21] = report.Int(*c.Chunks), report.Int(*c.ChunksSeen)
	}
	return cells
}

// commandsSuite is a case a log, which fails as the exit code does.
func commandsSuite(logs []*commandsLog, requireSigned bool) report.Suite {
	s := report.Suite{Name: "cqverify commands"}
	for _, l := range logs {
		c := report.Case{Name: l.Log, Class: "commands", Output: l.Warnings}
		if l.err != nil {
			c.Error = &report.Problem{Type: "error", Message: l.err.Error()}
			s.Cases = append(s.Cases, c)
			continue
		}
		var lines []string
		for _, k := range l.shown(shownFindings) {
			if k.Verdict != string(wire.Authentic) {
				lines = append(lines, fmt.Sprintf("%s record %d: %s", k.Verdict, k.Index, k.sentence(true)))
			}
		}
		if l.rejected(requireSigned) {
			c.Failure = &report.Problem{Type: l.worst(), Message: l.verdict(), Lines: lines}
		} else {
			c.Output = append(append(c.Output, l.verdict()), lines...)
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}

// worst is the worst verdict there is.
func (l *commandsLog) worst() string {
	for _, v := range byWorst {
		if l.Summary[string(v)] > 0 {
			return string(v)
		}
	}
	return ""
}
