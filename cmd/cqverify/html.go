package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/replay"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
	"cqkit/pkg/survey"
	"cqkit/pkg/tlog"
)

// pageFlag is the --html option of a command that also has --format html.
type pageFlag struct {
	file    string
	reports *cli.Reports
}

// addPageFlag declares --html. reports must have been added with the format HTML.
func addPageFlag(cmd *cobra.Command, reports *cli.Reports) *pageFlag {
	p := &pageFlag{reports: reports}
	cmd.Flags().StringVar(&p.file, "html", "", "write a page for browsers to this file, too")
	return p
}

// wanted reports whether a page is asked for in either way.
func (p *pageFlag) wanted() bool { return p.file != "" || p.reports.Format == report.HTML }

// write writes a page to the file that --html names, if it does.
func (p *pageFlag) write(cmd *cobra.Command, page func() *report.Page) error {
	if p.file == "" {
		return nil
	}
	out, err := cli.Create(cmd, p.file, cli.CreateOptions{Force: p.reports.Force})
	if err != nil {
		return err
	}
	defer out.Close()
	if err := page().WriteHTML(out); err != nil {
		return err
	}
	return out.Commit()
}

// drawnLogs is how many logs a page draws the course of. With more of them it has
// tables only, so that its size does not grow into megabytes.
const drawnLogs = 20

// drawing is what a page shows of a log beside its report.
type drawing struct {
	info *info
	line *survey.Timeline
}

// draw reads a log once more, for a page.
func draw(l *logfile.Log, seeds *tlog.Seeds) (*drawing, error) {
	d := &drawing{info: newInfo(l.Path)}
	err := d.info.survey(l.Reader(), func(r io.Reader, head []byte) (s *survey.Survey, err error) {
		s, d.line, err = survey.Trace(r, head, seeds)
		return s, err
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

// draw reads the log for a page.
func (n *info) draw(cmd *cobra.Command, seeds *tlog.Seeds, progress *cli.Progress) error {
	l, err := logfile.Open(cmd, n.Log)
	if err != nil {
		return err
	}
	defer l.Close()
	l.Progress = progress
	d, err := draw(l, seeds)
	if err != nil {
		return err
	}
	*n = *d.info
	n.drawing = d
	return nil
}

// scanAndDraw reads the log twice, for a page.
func (l *replayLog) scanAndDraw(cmd *cobra.Command, seeds *tlog.Seeds, opts replay.Options) error {
	log, err := logfile.Open(cmd, l.Log)
	if err != nil {
		return err
	}
	defer log.Close()
	r, err := replay.Scan(log.Reader(), seeds, opts)
	if err != nil {
		return fmt.Errorf("%q: %w", l.Log, err)
	}
	if l.drawing, err = draw(log, seeds); err == nil {
		err = log.Unchanged()
	}
	if err != nil {
		return err
	}
	l.fill(r)
	return nil
}

// rest adds to a verdict what was not asked of the seal: how the log goes on, for a
// page, and what was replayed in it. It is deferred, with what judging it came to.
func (j *judge) rest(l *logfile.Log, v *verdict, err error) error {
	draws := j.o.page.wanted() && j.draws
	asked := j.o.replay || j.o.mavlinkKey != ""
	if err == nil {
		err = j.commands(l, v)
	}
	if err != nil || !draws && !asked {
		return err
	}
	if draws {
		if v.drawing, err = draw(l, j.seeds); err != nil {
			return err
		}
	}
	found, err := replay.Scan(l.Reader(), j.seeds, replay.Options{Key: j.mavlinkKey})
	if err == nil {
		err = l.Unchanged()
	}
	if err != nil {
		return fmt.Errorf("%q: %w", l.Path, err)
	}
	v.replay = &replayLog{Log: l.Path, withKey: j.mavlinkKey != nil}
	v.replay.fill(found)
	if asked {
		v.Replay = replayJSON([]*replayLog{v.replay})
	}
	return nil
}

// verdictPage is the page for browsers of the verdicts.
func verdictPage(verdicts []*verdict, single bool) *report.Page {
	if single {
		v := verdicts[0]
		return &report.Page{Title: title(v.Log), Parts: append(v.htmlParts("", subject), closing)}
	}
	p := page(verdicts, false)
	p.Title, p.Parts = fmt.Sprintf("Verdicts on %s", cli.Count(int64(len(verdicts)), "log")), p.Parts[:1]
	for i, v := range verdicts {
		if v.err != nil {
			p.Parts = append(p.Parts, report.Heading(title(v.Log)), report.Notice{Tone: report.Bad, Title: "Not judged", Text: v.err.Error()})
			continue
		}
		if v.drawing != nil || v.Verdict != string(seal.Valid) || len(v.Warnings) > 0 {
			p.Parts = append(p.Parts, report.Heading(title(v.Log)))
			p.Parts = append(p.Parts, v.htmlParts(fmt.Sprintf("log%d-", i), subsubject)...)
		}
	}
	if len(verdicts) > drawnLogs {
		p.Parts = append(p.Parts, report.Paragraph(fmt.Sprintf("Of more than %d logs none is drawn; judge one by itself for its course.", drawnLogs)))
	}
	p.Parts = append(p.Parts, closing)
	return p
}

// replayHTML is the page for browsers of what was found without a seal.
func replayHTML(logs []*replayLog, several bool) *report.Page {
	if !several {
		l := logs[0]
		return &report.Page{Title: title(l.Log), Parts: append(l.htmlParts("", subject), closing)}
	}
	p := replayPage(logs, true)
	p.Title, p.Parts = fmt.Sprintf("Replays and anomalies in %s", cli.Count(int64(len(logs)), "log")), p.Parts[:1]
	for i, l := range logs {
		if l.err == nil && (l.drawing != nil || len(l.findings)+len(l.Warnings) > 0) {
			p.Parts = append(p.Parts, report.Heading(title(l.Log)))
			p.Parts = append(p.Parts, l.htmlParts(fmt.Sprintf("log%d-", i), subsubject)...)
		}
	}
	p.Parts = append(p.Parts, closing)
	return p
}

// infoHTML is the page for browsers of what is in logs.
func infoHTML(infos []*info) *report.Page {
	p := &report.Page{}
	for _, n := range infos {
		if n.err != nil {
			continue
		}
		heading := subject
		if p.Title == "" {
			p.Title = title(n.Log)
		} else {
			p.Parts = append(p.Parts, report.Heading(title(n.Log)))
			heading = subsubject
		}
		if n.drawing == nil || n.Records == 0 {
			p.Parts = append(p.Parts, n.parts()...)
			continue
		}
		at := newPicture(n.drawing.line, nil)
		p.Parts = append(p.Parts, warningList(n.Warnings)...)
		if lanes := gapLane(at); lanes != nil {
			p.Parts = append(p.Parts, heading("Course of the log"), &report.Chart{
				Name: "Bytes that are no record", Axis: at.axis(), Lanes: lanes,
				Summary: fmt.Sprintf("%s of %s. Dashed boxes stand for long pauses.",
					cli.Count(n.GapBytes, "byte"), cli.Thousands(n.Bytes)),
			})
		}
		p.Parts = append(p.Parts, n.drawing.parts(at, heading, n.Warnings)...)
	}
	p.Parts = append(p.Parts, closing)
	return p
}

// subject and subsubject head the parts of a page with one log and with several.
func subject(s string) report.Part    { return report.Heading(s) }
func subsubject(s string) report.Part { return report.Subheading(s) }

// closing is what has to be said below everything.
const closing = report.Paragraph("Made by cqverify. Records count from 0 and times are UTC, by the recorder's clock unless said otherwise. " +
	"A seal says who vouches for the bytes as of the signing, not that they were true when they were captured.")

func warningList(warnings []string) []report.Part {
	if len(warnings) == 0 {
		return nil
	}
	list := make(report.List, len(warnings))
	for i, w := range warnings {
		list[i] = "warning: " + w
	}
	return []report.Part{list}
}
