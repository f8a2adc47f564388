package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// verdict is a log's verdict in the form that scripts rely on.
type verdict struct {
	Log          string    `json:"log"`
	Seal         string    `json:"seal"`
	Verdict      string    `json:"verdict"`
	Reason       string    `json:"reason,omitempty"`
	Signer       *signer   `json:"signer,omitempty"`
	SignedAt     string    `json:"signed_at,omitempty"`
	Trust        *standing `json:"trust,omitempty"`
	Notes        int       `json:"notes"`
	Records      uint64    `json:"records"`
	Gaps         uint64    `json:"gaps"`
	Bytes        int64     `json:"bytes"`
	FirstUS      *int64    `json:"first_us,omitempty"`
	LastUS       *int64    `json:"last_us,omitempty"`
	CoveredBytes int64     `json:"covered_bytes"`
	Sealed       *extent   `json:"sealed,omitempty"`
	Embedded     *embedded `json:"embedded,omitempty"` // where parts of a seal stand inside the log
	Warnings     []string  `json:"warnings"`
	Findings     []finding `json:"findings"`
	Replay       any       `json:"replay,omitempty"` // as cqverify replay prints it, if it was asked for

	Commands *commandsLog `json:"commands,omitempty"` // as cqverify commands prints it, if there are signed ones

	coveredTo int64 // what CoveredBytes is in the file as it is

	drawing *drawing   // what a page shows beside it, nil if no page is wanted
	replay  *replayLog // likewise
	err     error      // why there is no verdict
}

type signer struct {
	Name    string `json:"name"`
	Claimed bool   `json:"claimed"` // the name is the seal's, not the verifier's own label
	Key     string `json:"key"`
}

// extent is what was sealed.
type extent struct {
	Records uint64 `json:"records"`
	Gaps    uint64 `json:"gaps"`
	Bytes   int64  `json:"bytes"`
	FirstUS *int64 `json:"first_us,omitempty"`
	LastUS  *int64 `json:"last_us,omitempty"`
}

type finding struct {
	Kind        string  `json:"kind"`
	Segment     string  `json:"segment"`
	SealedIndex *int64  `json:"sealed_index,omitempty"`
	Index       *int64  `json:"index,omitempty"`
	Count       uint64  `json:"count"`
	CountNow    uint64  `json:"count_now"`
	SealedLeaf  *int64  `json:"sealed_leaf,omitempty"`
	Leaf        *int64  `json:"leaf,omitempty"`
	Leaves      uint64  `json:"leaves"`
	LeavesNow   uint64  `json:"leaves_now"`
	Offset      *int64  `json:"offset,omitempty"`
	Bytes       int64   `json:"bytes"`
	TimeUS      *int64  `json:"time_us,omitempty"`
	UntilUS     *int64  `json:"until_us,omitempty"`
	Message     string  `json:"message,omitempty"`
	System      *uint8  `json:"system,omitempty"`
	Component   *uint8  `json:"component,omitempty"`
	Within      bool    `json:"within,omitempty"`
	From        *origin `json:"from,omitempty"`
}

// origin is where an inserted run stands in another sealed log.
type origin struct {
	Log   string `json:"log"`
	Seal  string `json:"seal"`
	Index int64  `json:"index"`
}

// judge is what is common to all logs of a run.
type judge struct {
	cmd   *cobra.Command
	o     *options
	keys  []seal.Key
	ring  *keyring.Ring // the same keys
	also  []*seal.Reference
	seeds *tlog.Seeds
	alone bool // one log: it may use all cores
	draws bool // pages show the course of logs

	mavlinkKey *mav.SigningKey // nil without --mavlink-key

	state *nonce.File // nil without --state, as are the turns
	turns *turns

	progress *cli.Progress
}

// largeLog is the size in bytes from which a log is hashed on all cores by itself.
const largeLog = 8 << 20

// one judges log number i. An error it cannot do without is in err.
func (j *judge) one(i int, l logfile.Found) *verdict {
	defer j.turns.end(j.cmd.Context(), i)
	v := &verdict{Log: l.Path, Warnings: []string{}, Findings: []finding{}}
	if v.err = l.Err; v.err == nil {
		v.err = j.verify(i, l.Path, v)
	}
	return v
}

func (j *judge) verify(i int, path string, v *verdict) (err error) {
	data, alone, err := j.readSeal(path, v)
	if err != nil {
		return err
	}
	l, err := logfile.Open(j.cmd, path)
	if err != nil {
		return err
	}
	defer l.Close()
	defer func() { err = j.rest(l, v, err) }()
	l.Progress = j.progress
	if v.Verdict != "" { // there is nothing to compare with
		return j.count(l.Path, l.Reader(), v)
	}
	q := seal.Request{
		Log: seal.Log{ReaderAt: l, Size: l.Size}, Seal: data, Alone: alone, Keys: j.keys, Seeds: j.seeds, Also: j.also,
		Known: j.known(i, v), Workers: 1,
	}
	if j.alone || l.Size >= largeLog {
		q.Workers = runtime.GOMAXPROCS(0)
	}
	index, err := openIndex(cmp.Or(v.Seal, besideSeal(path)))
	if err != nil {
		v.warn("the index cannot be read: %v", err)
	}
	if index != nil {
		defer index.Close()
		q.Index = &seal.Log{ReaderAt: index, Size: index.size}
	}
	judged, err := seal.Verify(q)
	if err == nil {
		err = l.Unchanged()
	}
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	if alone && judged.Note != nil {
		v.Seal = path
	}
	v.fill(judged)
	if alone && judged.Outcome == seal.Unsigned {
		v.lookElsewhere(path)
	}
	if n := judged.Note; n != nil && path != "-" && n.Name != "-" && n.Name != seal.FileName(filepath.Base(path)) {
		v.warn("the log was called %q when it was sealed", n.Name)
	}
	if judged.Presented == nil || judged.Beyond > 0 && len(judged.Findings) == 0 {
		// What is presented, not only what is covered.
		return j.count(l.Path, io.NewSectionReader(judged.Bare, 0, judged.Bare.Size), v)
	}
	return nil
}

// readSeal reads the seal that was named, or the one beside the log. What is wrong
// with the latter is a verdict, since whoever tampers with a log can reach it, too. A log is
// alone if there is neither: then its seal may stand inside it.
func (j *judge) readSeal(path string, v *verdict) (data []byte, alone bool, err error) {
	if v.Seal = j.o.seal; v.Seal != "" {
		data, err = logfile.ReadSeal(j.cmd, v.Seal)
		return data, false, err
	}
	if path == "-" {
		return nil, true, nil
	}
	v.Seal = logfile.SealPath(path)
	data, err = logfile.ReadSealOf(j.cmd, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.Seal = ""
		return nil, true, nil
	case errors.Is(err, logfile.ErrNotRegular):
		v.Verdict, v.Reason = string(seal.Malformed), "what stands in place of the seal is not a regular file"
		return nil, false, nil
	}
	return data, false, err
}

// besideSeal is where the seal of a log would be, whose index may be there.
func besideSeal(path string) string {
	if path == "-" {
		return path
	}
	return logfile.SealPath(path)
}

// lookElsewhere says where else a log without a seal may have one.
func (v *verdict) lookElsewhere(path string) {
	if path == "-" {
		v.warn("if the seal is a file, name it with -s")
		return
	}
	if target, err := filepath.EvalSymlinks(path); err == nil && target != path {
		if _, err := os.Stat(logfile.SealPath(target)); err == nil {
			v.warn("the log is a link to %q, which has a seal: name that, or the seal with -s", target)
		}
	}
}

// count adds what is in a log that was not compared with anything.
func (j *judge) count(path string, log io.Reader, v *verdict) error {
	c, err := seal.Count(log, j.seeds)
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	v.contents(c)
	return nil
}

func (v *verdict) warn(format string, args ...any) {
	v.Warnings = append(v.Warnings, fmt.Sprintf(format, args...))
}

func (v *verdict) contents(c *seal.Contents) {
	v.Records, v.Gaps, v.Bytes = c.Records, c.Gaps, c.Bytes
	if c.HasSpan {
		v.FirstUS, v.LastUS = new(c.First), new(c.Last)
	}
}

// fill takes over what was judged. It copies: verdicts stay until all logs are judged,
// and nothing of a seal or a log may stay with them.
func (v *verdict) fill(j *seal.Verdict) {
	v.Verdict, v.Reason, v.Notes = string(j.Outcome), j.Reason, j.Notes
	v.Warnings = append(v.Warnings, j.Warnings...)
	v.CoveredBytes, v.coveredTo = j.Covered, j.CoveredTo()
	v.Embedded = newEmbedded(j)
	if n := j.Note; n != nil {
		v.SignedAt, v.Signer, v.Trust = n.Time.Format(timeLayout), newSigner(n, j.Key), newStanding(j.Standing)
		v.Sealed = &extent{Records: n.Leaves - j.SealedGaps, Gaps: j.SealedGaps, Bytes: n.Bytes}
		if n.HasSpan {
			v.Sealed.FirstUS, v.Sealed.LastUS = new(n.First), new(n.Last)
		}
	}
	if j.Secrets > 0 {
		v.warn("the log contains %s with a secret MAVLink signing key", cli.Count(int64(j.Secrets), "SETUP_SIGNING frame"))
	}
	if j.Presented != nil {
		v.contents(j.Presented)
	}
	for i := range j.Findings {
		v.Findings = append(v.Findings, newFinding(&j.Findings[i]))
	}
}

// timeLayout is how times of signing are printed.
const timeLayout = "2006-01-02T15:04:05Z"

// newSigner names the signer of a note: by the verifier's own label for the key that
// verified it, else by the name that the note claims.
func newSigner(n *seal.Note, key *seal.Key) *signer {
	if key != nil && key.Label != "" {
		return &signer{Name: key.Label, Key: strings.Clone(n.Key)}
	}
	return &signer{Name: strings.Clone(n.Signer), Claimed: true, Key: strings.Clone(n.Key)}
}

func newFinding(f *seal.Finding) finding {
	g := finding{
		Kind: string(f.Kind), Segment: "record", Count: f.Count, CountNow: f.CountNow,
		Leaves: f.Leaves, LeavesNow: f.LeavesNow, Bytes: f.Bytes, Within: f.Within,
		SealedIndex: applies(f.SealedIndex), Index: applies(f.Index),
		SealedLeaf: applies(f.SealedLeaf), Leaf: applies(f.Leaf), Offset: applies(f.Offset),
	}
	if f.Gap {
		g.Segment = "gap"
	}
	if f.HasTime {
		g.TimeUS, g.UntilUS = new(f.Time), new(f.Until)
	}
	if f.First != nil {
		frame := tlog.Frame(f.First[tlog.TimeSize:])
		system, component := frame.System(), frame.Component()
		g.Message, g.System, g.Component = mav.Name(frame.ID()), &system, &component
	}
	if f.From != nil {
		g.From = &origin{f.From.Name, f.From.Seal, f.FromIndex}
	}
	return g
}

// applies returns nil for -1, which stands for what does not apply.
func applies(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// exit returns the error that stands for the verdict's exit code, nil for 0.
func (v *verdict) exit(cmd *cobra.Command, allowOpen bool) error {
	switch {
	case v.err != nil:
		return cli.Report(cmd, v.err)
	case v.accepted(allowOpen):
		return nil
	}
	return cli.Rejected(nil)
}

// accepted reports whether the answer is yes.
func (v *verdict) accepted(allowOpen bool) bool {
	return v.Verdict == string(seal.Valid) || v.Verdict == string(seal.Open) && allowOpen
}
