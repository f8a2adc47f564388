package main

import (
	"encoding/base64"
	"errors"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

func proofCommand() *cobra.Command {
	var keys []string
	var reports *cli.Reports
	cmd := &cobra.Command{
		Use:   "proof -k KEY PROOF...",
		Short: "judge proofs that single records are in a sealed log",
		Long: `Usage:
    cqverify proof -k KEY... PROOF...

Judges each PROOF that "cqsign prove" made, with nothing but the signer's public
key: that the record in it is in the log that was sealed, or that one state of a
growing log is the beginning of a later one. "-" is standard input.

Options:
    -k, --key KEY         a public key that counts, as for cqverify
    -o, --output FILE     write the report to FILE
        --format FORM     table, markdown, csv, json or junit
        --json            short for --format json
        --force           replace FILE if it is there`,
		Example: `    $ cqsign -k pilot.key flight.tlog
    $ cqsign prove --record 1200 -o arm.tlog-proof flight.tlog
    $ cqverify proof -k pilot.pub arm.tlog-proof`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("no proof given")
			}
			return nil
		},
		PreRunE: func(*cobra.Command, []string) error { return needKeys(keys) },
		RunE:    func(cmd *cobra.Command, args []string) error { return proofAll(cmd, reports, keys, args) },
	}
	cmd.Flags().StringArrayVarP(&keys, "key", "k", nil, "a public key that counts")
	reports = cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON, report.JUnit)
	cli.SetExit(cmd, 1, "judged, and the answer is no: a proof does not hold")
	return cmd
}

// proof is a proof's verdict in the form that scripts rely on.
type proof struct {
	Proof     string        `json:"proof"`
	Verdict   string        `json:"verdict"`
	Reason    string        `json:"reason,omitempty"`
	Signer    *signer       `json:"signer,omitempty"`
	SignedAt  string        `json:"signed_at,omitempty"`
	Log       string        `json:"log,omitempty"` // its name by the seal
	Origin    string        `json:"origin,omitempty"`
	Index     *int64        `json:"index,omitempty"`
	Leaf      *uint64       `json:"leaf,omitempty"`
	TimeUS    *int64        `json:"time_us,omitempty"`
	Message   string        `json:"message,omitempty"`
	System    *uint8        `json:"system,omitempty"`
	Component *uint8        `json:"component,omitempty"`
	Checksum  string        `json:"checksum,omitempty"`
	Fields    []mav.Field   `json:"fields,omitempty"`
	Record    string        `json:"record,omitempty"` // base64
	Earlier   *earlierState `json:"earlier,omitempty"`
	Later     *earlierState `json:"later,omitempty"`

	err error
}

// earlierState is one end of a consistency proof.
type earlierState struct {
	SignedAt string `json:"signed_at"`
	Leaves   uint64 `json:"leaves"`
	Bytes    int64  `json:"bytes"`
	Final    bool   `json:"final"`
}

func proofAll(cmd *cobra.Command, reports *cli.Reports, paths, args []string) error {
	keys, err := loadKeys(cmd, paths, "")
	if err != nil {
		return err
	}
	if err := cli.Declare(cmd, args...); err != nil {
		return err
	}
	seeds := tlog.SeedsFrom(mav.Seeds)
	var proofs []*proof
	var errs []error
	for _, path := range args {
		if cmd.Context().Err() != nil {
			errs = append(errs, cmd.Context().Err())
			break
		}
		p := &proof{Proof: path}
		data, err := logfile.ReadSeal(cmd, path)
		if err != nil {
			p.err = err
			errs = append(errs, cli.Report(cmd, err))
		} else if p.fill(seal.VerifyProof(data, keys), seeds); p.Verdict != string(seal.Valid) {
			errs = append(errs, cli.Rejected(nil))
		}
		proofs = append(proofs, p)
	}
	errs = append(errs, printProofs(cmd, reports, len(args) > 1, proofs))
	return errors.Join(errs...)
}

func (p *proof) fill(v *seal.ProofVerdict, seeds *tlog.Seeds) {
	p.Verdict, p.Reason = string(v.Outcome), v.Reason
	if n := v.Note; n != nil {
		p.Signer, p.SignedAt, p.Log, p.Origin = newSigner(n, v.Key), n.Time.Format(timeLayout), n.Name, n.Origin()
	}
	if v.Earlier != nil && v.Outcome == seal.Valid {
		p.Earlier, p.Later = stateOf(v.Earlier), stateOf(v.Note)
	}
	if v.Record == nil {
		return
	}
	p.Leaf, p.Index = &v.Leaf, applies(v.Index)
	at := tlog.Time(v.Record)
	frame := tlog.Frame(v.Record[tlog.TimeSize:])
	system, component := frame.System(), frame.Component()
	p.TimeUS, p.System, p.Component = &at, &system, &component
	p.Message = mav.Name(frame.ID())
	p.Record = base64.StdEncoding.EncodeToString(v.Record)
	check := seeds.Check(frame)
	p.Checksum = check.String()
	if check == tlog.OK {
		p.Fields = mav.Fields(frame.ID(), frame.Version(), frame.Payload())
	}
}

func stateOf(n *seal.Note) *earlierState {
	return &earlierState{n.Time.Format(timeLayout), n.Leaves, n.Bytes, n.Final}
}
