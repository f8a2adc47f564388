package main

import (
	"runtime"

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

// commandParts are the part of a verdict's page about commands.
func (v *verdict) commandParts(heading func(string) report.Part, most int, anchor string) []report.Part {
	l := v.Commands
	if l == nil {
		return nil
	}
	parts := []report.Part{heading("Signed commands: " + l.verdict())}
	if fields := l.signers(); fields != nil {
		parts = append(parts, fields)
	}
	parts = append(parts, warningList(l.Warnings)...)
	return append(parts, l.table(most, anchor)...)
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
