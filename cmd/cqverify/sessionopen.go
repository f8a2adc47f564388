package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/nonce"
	"cqkit/pkg/report"
	"cqkit/pkg/wire"
)

// openOptions are the flags of cqverify session open.
type openOptions struct {
	session, state, payload string
	reports                 *cli.Reports
}

func openCommand() *cobra.Command {
	var o openOptions
	cmd := &cobra.Command{
		Use:   "open --session FILE PACKET...",
		Short: "check the packets of a session, and open the sealed ones",
		Long: `Usage:
    cqverify session open --session FILE PACKET...

Checks each PACKET that the other side made with "cqsign session tag" or "seal".
"-" is standard input. A packet counts once: the same one again in the same run
is replayed, in any order of the others; with --state, one that was accepted in
an earlier run, or is older than that, is replayed, too.

Verdicts:
    genuine    made by the other side of the session
    replayed   accepted before, or far too late
    forged     not made by the other side, or altered since
    foreign    of another session, by what it says
    malformed  no packet

Options:
        --session FILE    the open session, from "cqsign session confirm"
        --state FILE      remember in FILE the highest number of each sender,
                          and refuse what is not above it in later runs
        --payload OUT     write the payload of a single packet to OUT
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json or junit
        --json            short for --format json
        --force           replace FILE or OUT if it is there`,
		Example: `    $ cqkeygen -o vehicle; cqkeygen -o ground
    $ cqsign session offer -k vehicle.key --peer ground.pub --state v.state |\
      cqsign session answer -k ground.key --peer vehicle.pub --state g.state |\
      cqsign session confirm --state v.state |\
      cqsign session confirm --state g.state --session ground.session |\
      cqsign session confirm --state v.state --session vehicle.session
    $ echo "altitude 50" | cqsign session seal --session vehicle.session -o p1
    $ cqverify session open --session ground.session p1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no packet given")
			}
			return nil
		},
		PreRunE: func(_ *cobra.Command, args []string) error {
			switch {
			case o.session == "":
				return cli.Hint(errors.New("no session given"), `name the file that "cqsign session confirm --session" wrote`)
			case o.payload != "" && len(args) != 1:
				return fmt.Errorf("--payload is for one packet, not %d", len(args))
			case o.payload == "-" && (o.reports.Output == "" || o.reports.Output == "-"):
				return cli.Hint(errors.New("the payload and the report cannot both go to standard output"), "name a file for one of them")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return openPackets(cmd, &o, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.session, "session", "", "the open session")
	f.StringVar(&o.state, "state", "", "remember the highest number of each sender")
	f.StringVar(&o.payload, "payload", "", "write the payload of a single packet")
	o.reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit)
	cli.SetExit(cmd, 1, "judged, and the answer is no: any verdict but genuine")
	return cmd
}

// packets is what became of all packets, in the form that scripts rely on.
type packets struct {
	Session string         `json:"session"`
	Role    string         `json:"role"` // this side's
	Packets []packet       `json:"packets"`
	Summary map[string]int `json:"summary"`
}

// packet is one of them. Without a verdict of genuine, only Packet, Verdict and Reason are to
// be believed.
type packet struct {
	Packet    string  `json:"packet"` // the file
	Verdict   string  `json:"verdict"`
	Reason    string  `json:"reason,omitempty"`
	Kind      string  `json:"kind,omitempty"`
	System    *uint8  `json:"system,omitempty"`
	Component *uint8  `json:"component,omitempty"`
	Counter   string  `json:"counter,omitempty"`
	Payload   *string `json:"payload,omitempty"` // base64

	payload []byte
}

// packetVerdicts are the verdicts, and what they are for.
var packetVerdicts = []struct {
	name string
	err  error
}{
	{"genuine", nil}, {"replayed", wire.ErrPacketReplayed}, {"forged", wire.ErrPacketForged},
	{"foreign", wire.ErrPacketSession}, {"malformed", wire.ErrPacketMalformed},
}

func openPackets(cmd *cobra.Command, o *openOptions, args []string) error {
	if err := cli.Declare(cmd, args...); err != nil {
		return err
	}
	session, err := readSession(o.session)
	if err != nil {
		return err
	}
	defer session.Wipe()
	all := &packets{Session: session.ID().String(), Role: session.Role().String(), Packets: []packet{}, Summary: map[string]int{}}
	for _, v := range packetVerdicts {
		all.Summary[v.name] = 0
	}
	var errs []error
	for _, path := range args {
		p, err := openPacket(cmd, o, session, path)
		if err != nil {
			errs = append(errs, cli.Report(cmd, err))
			continue
		}
		all.Packets = append(all.Packets, *p)
		if all.Summary[p.Verdict]++; p.Verdict != "genuine" {
			errs = append(errs, cli.Rejected(nil))
		}
	}
	if len(all.Packets) == 0 {
		return errors.Join(errs...)
	}
	if p := all.Packets[0]; o.payload != "" && p.Verdict == "genuine" {
		errs = append(errs, writePayload(cmd, o, p.payload))
	}
	return errors.Join(append(errs, printPackets(cmd, o.reports, all))...)
}

func openPacket(cmd *cobra.Command, o *openOptions, session *wire.Session, path string) (*packet, error) {
	in, err := cli.Open(cmd, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, wire.MaxPacketSize+1))
	if err != nil {
		return nil, err
	}
	opened, refusal := session.Open(nil, data)
	if refusal == nil && o.state != "" {
		id := nonce.ID{Key: session.ID().String(), Subject: fmt.Sprintf("%v/%v/%v", session.Role().Other(), opened.Kind, opened.From)}
		ok, err := nonce.NewDurableTracker(nonce.NewFile(o.state), id, 0).Accept(cmd.Context(), opened.Counter)
		if err != nil {
			return nil, err
		}
		if !ok {
			refusal = wire.ErrPacketReplayed
		}
	}
	p := &packet{Packet: path}
	for _, v := range packetVerdicts {
		if errors.Is(refusal, v.err) {
			p.Verdict = v.name
		}
	}
	switch {
	case p.Verdict == "":
		return nil, refusal
	case refusal != nil:
		p.Reason = refusal.Error()
	default:
		p.payload = opened.Payload
		p.Payload = new(base64.StdEncoding.EncodeToString(opened.Payload))
	}
	if p.Verdict != "malformed" {
		p.Kind, p.System, p.Component, p.Counter = opened.Kind.String(), &opened.From.System, &opened.From.Component, strconv.FormatUint(opened.Counter, 10)
	}
	return p, nil
}

func writePayload(cmd *cobra.Command, o *openOptions, payload []byte) error {
	out, err := cli.Create(cmd, o.payload, cli.CreateOptions{Force: o.reports.Force, Binary: true})
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(payload); err != nil {
		return err
	}
	return out.Commit()
}

func printPackets(cmd *cobra.Command, reports *cli.Reports, all *packets) error {
	return reports.Write(cmd, func(w io.Writer, style report.Style) error {
		switch reports.Format {
		case report.JSON:
			return report.WriteJSON(w, all)
		case report.CSV:
			return packetsGrid(all, "packet", "verdict", "kind", "sender", "counter", "payload", "reason").WriteCSV(w)
		case report.JUnit:
			return report.WriteJUnit(w, packetsSuite(all))
		}
		g := packetsGrid(all, "Packet", "Verdict", "Kind", "Sender", "Counter", "Payload", "Reason")
		page := &report.Page{Title: "session " + all.Session, Parts: []report.Part{g}}
		if reports.Format == report.Markdown {
			return page.WriteMarkdown(w)
		}
		return page.WriteText(w, style)
	})
}

// packetsGrid has a row a packet. A page has the payload's length, and CSV itself.
func packetsGrid(all *packets, names ...string) *report.Grid {
	g := &report.Grid{Rows: func(yield func([]report.Cell) bool) {
		for i := range all.Packets {
			p := &all.Packets[i]
			tone, payload, sender := report.Bad, "", ""
			if p.Payload != nil {
				tone, payload = report.Good, *p.Payload
				if names[0] == "Packet" {
					payload = cli.Count(int64(len(p.payload)), "byte")
				}
			}
			if p.System != nil {
				sender = fmt.Sprintf("%d/%d", *p.System, *p.Component)
			}
			if !yield([]report.Cell{report.String(title(p.Packet)), report.String(p.Verdict).As(tone), report.String(p.Kind), report.String(sender),
				report.String(p.Counter), report.String(payload), report.String(p.Reason)}) {
				return
			}
		}
	}}
	for _, name := range names {
		g.Columns = append(g.Columns, report.Column{Name: name, Fit: report.Wrap})
	}
	return g
}

func packetsSuite(all *packets) report.Suite {
	suite := report.Suite{Name: "cqverify session open"}
	for i := range all.Packets {
		p := &all.Packets[i]
		c := report.Case{Name: p.Packet, Class: "packet"}
		if p.Payload == nil {
			c.Failure = &report.Problem{Type: p.Verdict, Message: p.Reason}
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}
