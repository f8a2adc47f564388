package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/report"
	"cqkit/pkg/wire"
)

// sessionOptions are the flags of cqverify session.
type sessionOptions struct {
	keys     []string
	state    string
	sessions []string
	reports  *cli.Reports
}

func sessionCommand() *cobra.Command {
	var o sessionOptions
	cmd := &cobra.Command{
		Use:   "session -k KEY FILE...",
		Short: "judge the handshakes of sessions, in files or in logs",
		Long: `Usage:
    cqverify session -k KEY... FILE...
    cqverify session open --session FILE PACKET...

Judges the messages of handshakes with nothing but public keys: who agreed on
which session with whom. A FILE is a message that "cqsign session" wrote, or a
log in which messages were recorded; all files are judged together, so an answer
finds its offer. The id of a session is what signed commands carry.

Verdicts:
    offered     the offer is genuine; there is no answer to it
    answered    offer and answer are genuine: this is the session's id
    forged      a signature does not hold, or the answer contradicts its offer
    untrusted   by a key that is not given, or that does not count
    orphaned    an answer or a confirmation without what comes before it
    malformed   not spelled as a message must be

Only the two sides can tell whether a confirmation is genuine: with --session,
it is checked.

Options:
    -k, --key KEY         what counts, as for cqverify: public keys, folders of
                          them, trust files; can be repeated
        --state FILE      refuse revocation lists older than FILE remembers
        --session FILE    an open session, to check its confirmations by; can be
                          repeated
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json or junit
        --json            short for --format json
        --force           replace FILE if it is there`,
		Example: `    $ cqkeygen -o vehicle; cqkeygen -o ground
    $ cqsign session offer -k vehicle.key --peer ground.pub --state v -o 1
    $ cqsign session answer -k ground.key --peer vehicle.pub --state g -o 2 1
    $ cqverify session -k vehicle.pub -k ground.pub 1 2`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Hint(errors.New("no message and no log given"), `name what "cqsign session" wrote, or a log`)
			}
			return logfile.CheckNames(args)
		},
		PreRunE: func(*cobra.Command, []string) error { return needKeys(o.keys) },
		RunE:    func(cmd *cobra.Command, args []string) error { return judgeSessions(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.keys, "key", "k", nil, "a public key that counts")
	f.StringVar(&o.state, "state", "", "refuse revocation lists older than this file remembers")
	f.StringArrayVar(&o.sessions, "session", nil, "an open session")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit)
	cli.SetExit(cmd, 1, "judged, and the answer is no: any verdict but offered and answered")
	cmd.AddCommand(openCommand())
	return cmd
}

// sessions is what was found in all files, in the form that scripts rely on.
type sessions struct {
	Files      []string       `json:"files"`
	Sessions   []session      `json:"sessions"`
	Incomplete int            `json:"incomplete"` // messages in logs that are not whole
	Summary    map[string]int `json:"summary"`
	Warnings   []string       `json:"warnings"`

	labels map[string]string // of keys, by fingerprint
}

// session is one handshake.
type session struct {
	Verdict     string           `json:"verdict"`
	Reason      string           `json:"reason,omitempty"`
	Session     string           `json:"session,omitempty"`
	Suite       string           `json:"suite,omitempty"`
	Vehicle     string           `json:"vehicle,omitempty"`
	Ground      string           `json:"ground,omitempty"`
	ConfirmedBy []string         `json:"confirmed_by,omitempty"`
	Checked     *bool            `json:"confirmations_checked,omitempty"`
	Messages    []sessionMessage `json:"messages"`
}

// sessionMessage says where a message was found.
type sessionMessage struct {
	File   string `json:"file"`
	Index  *int64 `json:"index,omitempty"` // of the record with the first chunk
	Offset *int64 `json:"offset,omitempty"`
	TimeUS *int64 `json:"time_us,omitempty"`
}

func judgeSessions(cmd *cobra.Command, o *sessionOptions, args []string) error {
	if err := cli.Declare(cmd, args...); err != nil {
		return err
	}
	ring, err := loadRing(cmd, o.keys, o.state)
	if err != nil {
		return err
	}
	var ends []*wire.Session
	for _, path := range o.sessions {
		s, err := readSession(path)
		if err != nil {
			return err
		}
		defer s.Wipe()
		ends = append(ends, s)
	}
	all := &sessions{Files: args, Sessions: []session{}, Summary: map[string]int{}, Warnings: []string{}, labels: map[string]string{}}
	for _, k := range ring.Registry.Keys() {
		all.labels[k.Fingerprint] = k.Label
	}
	var errs []error
	h := &hearing{cmd: cmd, all: all, witness: wire.NewWitness((&commandJudge{ring: ring}).key, ends...)}
	for _, path := range args {
		if err := cmd.Context().Err(); err != nil {
			errs = append(errs, err)
			break
		}
		if err := h.file(path); err != nil {
			errs = append(errs, cli.Report(cmd, err))
		}
	}
	bad := false
	for _, k := range h.witness.Handshakes() {
		all.Sessions = append(all.Sessions, h.session(&k))
		bad = bad || !k.Verdict.Good()
	}
	for _, v := range handshakeVerdicts {
		all.Summary[string(v)] = 0
	}
	for i := range all.Sessions {
		all.Summary[all.Sessions[i].Verdict]++
	}
	if len(errs) == len(args) {
		return errors.Join(errs...) // the messages have said it all
	}
	if bad {
		errs = append(errs, cli.Rejected(nil))
	}
	errs = append(errs, printSessions(cmd, o.reports, all))
	return errors.Join(errs...)
}

// hearing takes in files of messages.
type hearing struct {
	cmd     *cobra.Command
	all     *sessions
	witness *wire.Witness
	heard   []sessionMessage // by number
}

// hear passes a message on.
func (h *hearing) hear(message []byte, us int64, where sessionMessage) {
	h.witness.Hear(message, us, int64(len(h.heard)))
	h.heard = append(h.heard, where)
}

// file takes in a message, or a log with messages. What is as short as a message and
// has no records is a message, whatever was made of it.
func (h *hearing) file(path string) error {
	log, err := logfile.Open(h.cmd, path)
	if err != nil {
		return err
	}
	defer log.Close()
	var message []byte
	if log.Size <= wire.MaxStateSize {
		if message, err = io.ReadAll(log.Reader()); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
	}
	if _, err := wire.ParseState(message); err == nil {
		return cli.Hint(fmt.Errorf("%q is what one side remembers of a session, and secret", path), "name the messages, which went over the wire")
	}
	if wire.IsHandshake(message) {
		h.hear(message, time.Now().UnixMicro(), sessionMessage{File: path})
		return nil
	}
	found := false
	sum, err := wire.EachSessionMessage(log.Reader(), wire.Seeds(), func(m *wire.SessionMessage) error {
		found = true
		h.hear(m.Bytes, m.Time, sessionMessage{File: path, Index: new(m.Index), Offset: new(m.Offset), TimeUS: known(m.Time)})
		return h.cmd.Context().Err()
	})
	if err == nil {
		err = log.Unchanged()
	}
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	h.all.Incomplete += sum.Incomplete
	switch {
	case sum.Records == 0 && log.Size <= wire.MaxStateSize:
		h.hear(message, 0, sessionMessage{File: path})
	case sum.Records == 0:
		h.warn("%q has no record: it is no flight log, and no message", path)
	case sum.Incomplete > 0:
		h.warn("%q: of %s some parts are missing, or none that was tried fits", path, cli.Count(int64(sum.Incomplete), "message"))
	case !found:
		h.warn("%q has no message of a handshake in it", path)
	}
	return nil
}

func (h *hearing) warn(format string, args ...any) {
	h.all.Warnings = append(h.all.Warnings, fmt.Sprintf(format, args...))
}

// session takes over what the witness says.
func (h *hearing) session(k *wire.Handshake) session {
	s := session{Verdict: string(k.Verdict), Messages: []sessionMessage{}}
	if k.Err != nil {
		s.Reason = k.Err.Error()
	}
	if k.Session != (wire.SessionID{}) {
		s.Session = k.Session.String()
	}
	switch {
	case k.Offer != nil:
		s.Suite, s.Vehicle, s.Ground = k.Offer.Suite.String(), k.Offer.Vehicle.String(), k.Offer.Ground.String()
	case k.Answer != nil:
		s.Suite, s.Vehicle, s.Ground = k.Answer.Suite.String(), k.Answer.Vehicle.String(), k.Answer.Ground.String()
	}
	if k.Vehicle {
		s.ConfirmedBy = append(s.ConfirmedBy, wire.Vehicle.String())
	}
	if k.Ground {
		s.ConfirmedBy = append(s.ConfirmedBy, wire.GroundStation.String())
	}
	if s.ConfirmedBy != nil {
		s.Checked = &k.Checked
	}
	for _, ref := range k.Refs {
		s.Messages = append(s.Messages, h.heard[ref])
	}
	return s
}

// readSession reads an open session, which nobody else may.
func readSession(path string) (*wire.Session, error) {
	data, err := keyfile.ReadSecret(path)
	defer clear(data)
	if err != nil {
		return nil, err
	}
	state, err := wire.ParseState(data)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	s, ok := state.(*wire.Session)
	if !ok {
		state.Wipe()
		return nil, cli.Hint(fmt.Errorf("%q holds a handshake that has not come to its end", path), `"cqsign session confirm --session" writes the session when it is open`)
	}
	return s, nil
}
