package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
)

// The verdicts.
const (
	tapValid    = string(wire.AnchorsValid)
	tapOpen     = string(wire.AnchorsOpen)
	tapAltered  = string(wire.AnchorsAltered)
	tapUnsigned = "unsigned"
)

// tapJudge is what is common to all logs of a run.
type tapJudge struct {
	cmd      *cobra.Command
	o        *tapOptions
	keys     *commandJudge // for which keys count when
	session  [32]byte      // of version 1
	seeds    *tlog.Seeds
	progress *cli.Progress
}

// anchored is what the anchors of a log say, of either version.
type anchored struct {
	windows    []wire.Window
	total      uint64
	closed     bool // nothing follows
	missing    uint64
	commitment func([]wire.Tag) [32]byte
	tag        func(seg *tlog.Segment, index uint64) wire.Tag

	archived func(wire.Tag) // is told the tags of the archive, unless nil

	// wanted chooses the records that were anchored, nil for all, whose indices are then in
	// indices.
	wanted  func(tlog.Frame) bool
	indices []int64
}

// one judges one log, or an archive alone if its path is "".
func (j *tapJudge) one(l logfile.Found) *tapVerdict {
	v := &tapVerdict{Log: l.Path, Wire: "v2", Windows: []tapWindow{}, Findings: []tapFinding{}, Warnings: []string{}}
	if j.o.v1 {
		v.Wire, v.Unprotected = "v1", unprotected(l.Path != "")
	}
	if v.err = l.Err; v.err == nil {
		v.err = j.judge(l.Path, v)
	}
	return v
}

func (j *tapJudge) judge(path string, v *tapVerdict) error {
	tags, err := j.readTags(path, v)
	if err != nil {
		return err
	}
	defer tags.Close()
	var log *logfile.Log
	if path != "" {
		if log, err = logfile.Open(j.cmd, path); err != nil {
			return err
		}
		defer log.Close()
		log.Progress = j.progress
	}
	a, err := j.readAnchors(path, log, tags, v)
	if err != nil {
		return err
	}
	if a == nil { // there is a verdict without looking further
		return j.count(log, v)
	}
	c := wire.NewComparison(a.windows, a.commitment, a.total)
	present := c.Archived
	if log == nil {
		present = c.Presented
	}
	if a.archived != nil {
		present = func(t wire.Tag) { c.Archived(t); a.archived(t) }
	}
	if err := tags.each(present, v); err != nil {
		return err
	}
	if err := j.present(log, a, c, v); err != nil {
		return err
	}
	v.fill(a, c.Result(a.closed))
	a.reindex(v.Findings)
	return j.locate(log, v)
}

// readAnchors reads the anchors. Nil means that v has its verdict.
func (j *tapJudge) readAnchors(path string, log *logfile.Log, tags *tagFile, v *tapVerdict) (*anchored, error) {
	v.Anchors = j.o.anchors
	beside := v.Anchors == ""
	if beside {
		v.Anchors = path + ".cqtap"
	}
	if beside && notFile(v.Anchors) {
		v.Verdict, v.Reason = string(wire.AnchorsMalformed), "what stands in place of the anchors is not a regular file"
		return nil, nil
	}
	in, err := cli.Open(j.cmd, v.Anchors)
	if beside && errors.Is(err, fs.ErrNotExist) {
		v.Anchors = ""
		return j.findAnchors(log, v)
	}
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if j.o.v1 {
		return j.readV1(in, path, tags, v)
	}
	s, err := wire.ReadAnchors(in, j.keys.key)
	if err != nil {
		return nil, err
	}
	return j.series(s, v), nil
}

// findAnchors looks for anchors that the log carries itself. Nil means that v has its
// verdict.
func (j *tapJudge) findAnchors(log *logfile.Log, v *tapVerdict) (*anchored, error) {
	v.Verdict, v.Reason = tapUnsigned, "there are no anchors beside the log"
	if j.o.v1 {
		return nil, nil
	}
	v.Reason += ", nor any in it that count"
	found, refused, err := wire.FindAnchors(io.NewSectionReader(log, 0, log.Size), j.seeds, j.keys.key)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", log.Path, err)
	}
	if refused > 0 {
		v.warn("%s carried in the log are forged, or by keys that do not count", cli.Count(int64(refused), "anchor"))
	}
	if len(found) == 0 {
		return nil, nil
	}
	if len(found) > 1 {
		v.warn("the log carries %s of anchors: the longest is judged", cli.Count(int64(len(found)), "series"))
	}
	v.Carried = &tapSource{found[0].Source.System, found[0].Source.Component}
	a := j.series(found[0].Anchors, v)
	if a != nil {
		a.wanted = found[0].Anchored
	}
	return a, nil
}

// series takes over what a series of anchors says. Nil means that v has its verdict.
func (j *tapJudge) series(s *wire.Anchors, v *tapVerdict) *anchored {
	v.Verdict, v.Reason = string(s.Outcome), s.Reason
	if s.Claimed != nil {
		v.Signer = j.signer(s.Claimed.Signer)
		v.Origin, v.Frames = hex.EncodeToString(s.Claimed.Origin[:]), s.Claimed.Frames
	}
	if len(s.List) == 0 {
		return nil
	}
	for _, a := range s.List {
		w := tapWindow{Number: a.Number, First: a.First, Count: uint64(a.Count)}
		if a.From != 0 || a.Until != 0 {
			w.FromUS, w.UntilUS = &a.From, &a.Until
		}
		v.Windows = append(v.Windows, w)
	}
	return &anchored{
		windows: s.Windows(), total: s.Total(), closed: s.Outcome == wire.AnchorsValid, missing: s.Missing,
		commitment: wire.MerkleCommitment,
		tag: func(seg *tlog.Segment, _ uint64) wire.Tag {
			if v.Frames {
				return wire.TagOf(seg.Frame())
			}
			return wire.TagOf(seg.Data)
		},
	}
}

// reindex turns the findings' numbers of what was compared into those of records.
func (a *anchored) reindex(findings []tapFinding) {
	for i := range findings {
		if f := &findings[i]; a.wanted != nil && f.Index != nil && *f.Index < int64(len(a.indices)) {
			f.Index = &a.indices[*f.Index]
		}
	}
}

// signer names a key by the verifier's own label.
func (j *tapJudge) signer(f wire.Fingerprint) *signer {
	s := &signer{Key: f.String()}
	for _, k := range j.keys.ring.Registry.Keys() {
		if k.Fingerprint == s.Key {
			s.Name = k.Label
		}
	}
	return s
}

// tagFile is an open tag archive. A nil one is empty.
type tagFile struct {
	*cli.Input
	size int64 // -1 if it is not known
}

// readTags opens the tag archive: the one named, or the one beside the log if there is one.
func (j *tapJudge) readTags(path string, v *tapVerdict) (*tagFile, error) {
	v.Tags = j.o.tags
	beside := v.Tags == ""
	if beside {
		v.Tags = path + ".cqtags"
	}
	if beside && notFile(v.Tags) {
		v.warn("what stands in place of the tag archive is not a regular file")
		v.Tags = ""
		return nil, nil
	}
	in, err := cli.Open(j.cmd, v.Tags)
	if beside && errors.Is(err, fs.ErrNotExist) {
		v.Tags = ""
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	size := int64(-1)
	if f, ok := in.File(); ok {
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
	}
	return &tagFile{in, size}, nil
}

// notFile reports whether something has the name that is no regular file: a folder, or a pipe,
// which would be waited for. Whoever tampers with a log can put it there, so it is a matter
// of the verdict.
func notFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular()
}

func (f *tagFile) Close() error {
	if f == nil {
		return nil
	}
	return f.Input.Close()
}

// each calls fn with every tag.
func (f *tagFile) each(fn func(wire.Tag), v *tapVerdict) error {
	if f == nil {
		return nil
	}
	in := bufio.NewReader(f)
	for {
		var tag wire.Tag
		n, err := io.ReadFull(in, tag[:])
		switch err {
		case nil:
			fn(tag)
		case io.EOF:
			return nil
		case io.ErrUnexpectedEOF:
			v.warn("the tag archive ends inside a tag: its last %d bytes are left out", n)
			return nil
		default:
			return err
		}
	}
}

// count counts what is in a log that is compared with nothing.
func (j *tapJudge) count(log *logfile.Log, v *tapVerdict) error {
	return j.present(log, nil, nil, v)
}

// present adds the tags of the log, if there is one, to the comparison, if there is one.
func (j *tapJudge) present(log *logfile.Log, a *anchored, c *wire.Comparison, v *tapVerdict) error {
	if log == nil {
		return nil
	}
	var sum wire.AnchorSummary
	err := wire.EachRecord(log.Reader(), j.seeds, func(seg *tlog.Segment) error {
		if c != nil && seg.Kind == tlog.Record && (a.wanted == nil || a.wanted(seg.Frame())) {
			c.Presented(a.tag(seg, uint64(sum.Records)))
			if a.wanted != nil {
				a.indices = append(a.indices, sum.Records)
			}
		}
		sum.Count(seg)
		return nil
	}, &sum.Format)
	if err == nil {
		err = log.Unchanged()
	}
	if err != nil {
		return fmt.Errorf("%q: %w", log.Path, err)
	}
	v.Records, v.Gaps, v.GapBytes, v.Bytes = sum.Records, sum.Gaps, sum.GapBytes, sum.Bytes
	if sum.Records > 0 && sum.Format == tlog.Timed {
		v.FirstUS, v.LastUS = &sum.First, &sum.Last
	}
	if sum.Gaps > 0 {
		v.warn("%s between records are covered by no anchor", cli.Count(sum.GapBytes, "byte"))
	}
	return nil
}

// fill takes over what was compared.
func (v *tapVerdict) fill(a *anchored, r *wire.Compared) {
	v.Anchored, v.Covered, v.Missing = a.total, r.Covered, a.missing
	if v.Log == "" {
		v.Records = int64(r.Presented)
	}
	whole, doubtful := true, false
	for i, ok := range r.Intact {
		v.Windows[i].Intact = ok
		whole = whole && ok
		doubtful = doubtful || !r.ArchiveOK[i]
	}
	for _, d := range r.Differences {
		f := tapFinding{Kind: d.Kind, Count: d.Count, CountNow: d.CountNow, Within: d.Within, Sealed: applies(d.Anchored), Index: applies(d.Index)}
		v.Findings = append(v.Findings, f)
	}
	what := "the log"
	if v.Log == "" {
		what = "the tag archive"
	}
	switch {
	case !whole || len(v.Findings) > 0:
		v.Verdict, v.Reason = tapAltered, what+" is not what was anchored"
	case v.Missing > 0:
		v.Verdict, v.Reason = tapAltered, "anchors are missing in the series"
	}
	if v.Tags != "" && v.Log != "" && doubtful {
		v.warn("the tag archive is not the one that was anchored; windows in which it differs are judged as if there were none")
	}
	if v.Wire == "v1" && v.Log != "" && v.Tags == "" && r.Presented != a.total {
		v.warn("a tag of version 1 depends on its record's number: without the archive, all behind a missing or added record count as changed")
	}
	if r.Coarse {
		v.warn("there are more differences than are told apart")
	}
	if r.Beyond > 0 && !a.closed {
		v.warn("%s after the last anchor are covered by none", cli.Count(int64(r.Beyond), "record"))
	}
}

// locate says where in the log the findings stand.
func (j *tapJudge) locate(log *logfile.Log, v *tapVerdict) error {
	at := map[int64][]*tapFinding{}
	for i := range v.Findings {
		if f := &v.Findings[i]; f.Index != nil && f.CountNow > 0 {
			at[*f.Index] = append(at[*f.Index], f)
		}
	}
	if log == nil || len(at) == 0 {
		return nil
	}
	index := int64(0)
	var format tlog.Format
	return wire.EachRecord(io.NewSectionReader(log, 0, log.Size), j.seeds, func(seg *tlog.Segment) error {
		if seg.Kind == tlog.Gap {
			return nil
		}
		for _, f := range at[index] {
			offset, frame := seg.Offset, seg.Frame()
			system, component := frame.System(), frame.Component()
			f.Offset, f.Message, f.System, f.Component = &offset, mav.Name(frame.ID()), &system, &component
			if format == tlog.Timed {
				f.TimeUS = new(seg.Time())
			}
		}
		index++
		return nil
	}, &format)
}
