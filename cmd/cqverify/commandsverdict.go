package main

import (
	"runtime"
	"slices"

	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/report"
	"cqkit/pkg/wire"
)

// commands judges the signed commands in a log, if it carries any. They say who gave
// them, and change nothing about the seal.
func (j *judge) commands(log *logfile.Log, v *verdict) error {
	if may, err := carriesCommands(log.Reader()); !may {
		return err
	}
	c := &commandJudge{cmd: j.cmd, ring: j.ring, seeds: wire.Seeds(), workers: 1}
	if j.alone {
		c.workers = runtime.GOMAXPROCS(0)
	}
	l := &commandsLog{Log: log.Path}
	if err := c.read(log, l); err != nil {
		return err
	}
	if l.Chunks > 0 {
		v.Commands = l
	}
	return nil
}

// commandParts are the part of a verdict's page about commands: those that are not
// authentic.
func (v *verdict) commandParts() []report.Part {
	if v.Commands == nil {
		return nil
	}
	l := *v.Commands
	parts := l.heads(subject)
	l.Commands = slices.DeleteFunc(slices.Clone(l.Commands), func(c command) bool { return c.Verdict == string(wire.Authentic) })
	if len(l.Commands) > 0 {
		parts = append(parts, l.table(shownFindings, "")...)
	}
	return append(parts, report.Paragraph(`"cqverify commands" lists them all.`))
}

// htmlCommands are the same for browsers, with all commands.
func (v *verdict) htmlCommands(prefix string, heading func(string) report.Part) []report.Part {
	if v.Commands == nil {
		return nil
	}
	return append(v.Commands.heads(heading), v.Commands.table(htmlFindings, prefix+"c")...)
}

// heads are what stands above a table of commands in a verdict.
func (l *commandsLog) heads(heading func(string) report.Part) []report.Part {
	parts := []report.Part{heading("Signed commands: " + l.verdict())}
	if fields := l.signers(); fields != nil {
		parts = append(parts, fields)
	}
	return append(parts, warningList(l.Warnings)...)
}

// commandNotice says what the seal does not: that commands in the log are not what
// somebody signed.
func (v *verdict) commandNotice() []report.Part {
	if v.Commands == nil || !v.Commands.rejected(false) {
		return nil
	}
	return []report.Part{report.Notice{Tone: report.Bad, Title: "Apart from the seal: commands that were tampered with",
		Text: "Of the commands in the log, " + v.Commands.verdict() + "; see the signed commands below."}}
}
