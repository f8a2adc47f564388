package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/report"
	"cqkit/pkg/trust"
	"cqkit/pkg/wire"
)

func sessionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "agree on the keys of a session, and make its packets",
		Long: `Usage:
    cqsign session offer -k VEHICLE.key --peer GROUND.pub --state STATE
    cqsign session answer -k GROUND.key --peer VEHICLE.pub --state STATE [OFFER]
    cqsign session confirm --state STATE [--session FILE] [MESSAGE]
    cqsign session tag --session FILE [PAYLOAD]
    cqsign session seal --session FILE [PAYLOAD]
    cqsign session init|accept --v1 ...

Runs the handshake between a vehicle and a ground station, each with its key
made by cqkeygen and the other's public key. Each step reads the other side's
message and writes its own, through files or pipes:

    vehicle  offer    writes an offer
    ground   answer   reads it, writes an answer
    vehicle  confirm  reads it, writes a confirmation
    ground   confirm  reads it, writes its own; the session is open
    vehicle  confirm  reads that; the session is open

Both sides then print the same session id, and with --session have the session's
keys in a file, which "cqsign session tag" and "seal" make packets with and
"cqverify session open" checks and opens them.

"init" and "accept" are CleitonQ's SESSION_INIT, which protects much less.`,
		Example: `    $ cqkeygen -o vehicle; cqkeygen -o ground
    $ cqsign session offer -k vehicle.key --peer ground.pub --state v.state |\
      cqsign session answer -k ground.key --peer vehicle.pub --state g.state |\
      cqsign session confirm --state v.state |\
      cqsign session confirm --state g.state --session ground.session |\
      cqsign session confirm --state v.state --session vehicle.session
    $ echo "altitude 50" | cqsign session seal --session vehicle.session -o p1
    $ cqverify session open --session ground.session p1`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.Hint(cli.Usagef("no step given"), "the steps are offer, answer and confirm; tag and seal make packets")
		},
	}
	cmd.AddCommand(offerCommand(), answerCommand(), confirmCommand(), packetCommand(wire.Tagged), packetCommand(wire.Sealed),
		initCommand(), acceptCommand())
	return cmd
}

// sessionOptions are the flags of the steps.
type sessionOptions struct {
	key, passphrase string
	peers           []string
	state, session  string
	output          string
	hybrid          bool
	force, json     bool
}

// addStepFlags declares what all steps have.
func (o *sessionOptions) addStepFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.state, "state", "", "what this side must remember")
	f.StringVarP(&o.output, "output", "o", "-", "where the message goes")
	f.BoolVar(&o.force, "force", false, "replace files that are there")
	f.BoolVar(&o.json, "json", false, "print a JSON object")
}

// addKeyFlags declares what the steps that sign have.
func (o *sessionOptions) addKeyFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.key, "key", "k", "", "the key to sign with")
	f.StringVar(&o.passphrase, "passphrase-file", "", "read the key's passphrase from this file")
	f.StringArrayVar(&o.peers, "peer", nil, "the other side's public key")
}

// check checks what the flags of a step say together.
func (o *sessionOptions) check(cmd *cobra.Command) error {
	signs := cmd.Flags().Lookup("key") != nil
	switch {
	case signs && o.key == "":
		return cli.Hint(errors.New("no key given"), "make one with %q and give it with -k", "cqkeygen -o NAME")
	case signs && len(o.peers) == 0:
		return cli.Hint(errors.New("no peer given"), "name the other side's public key with --peer")
	case o.state == "":
		return cli.Hint(errors.New("no state file given"), "name a file with --state: what this side must remember until its next step")
	case o.state == "-" || o.session == "-":
		return errors.New("what is secret is not written to standard output")
	case signs:
		return o.checkJSON()
	}
	return nil
}

// checkJSON is for steps that write a message.
func (o *sessionOptions) checkJSON() error {
	if o.json && o.output == "-" {
		return cli.Hint(cli.Usagef("--json and the message cannot both go to standard output"), "name a file for the message with -o")
	}
	return nil
}

func oneMessage(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("want one message, not %d", len(args))
	}
	return nil
}

func offerCommand() *cobra.Command {
	var o sessionOptions
	cmd := &cobra.Command{
		Use:   "offer -k VEHICLE.key --peer GROUND.pub --state STATE",
		Short: "the vehicle's first step: offer a session",
		Long: `Usage:
    cqsign session offer -k VEHICLE.key --peer GROUND.pub --state STATE

Writes an offer of a session to the ground station whose public key is named: a
key made for this offer alone, and a signature. STATE remembers that key, with
mode 0600, for "cqsign session confirm", which uses it up. Whoever gets STATE
before that can open the session.

Options:
    -k, --key FILE              the vehicle's key, made by cqkeygen
        --passphrase-file FILE  read the key's passphrase from FILE; without it,
                                the terminal is asked
        --peer PUB              the ground station's public key
        --state STATE           the file that remembers the offer
        --hybrid                secure the session by X25519 as well as by
                                ML-KEM-1024
    -o, --output FILE           where the offer goes; without it, standard
                                output
        --force                 replace files that are there
        --json                  print one JSON object instead of a line`,
		Example: `    $ cqkeygen -o vehicle; cqkeygen -o ground
    $ cqsign session offer -k vehicle.key --peer ground.pub --state v -o 1`,
		Args:    cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return o.check(cmd) },
		RunE:    func(cmd *cobra.Command, _ []string) error { return offer(cmd, &o) },
	}
	o.addKeyFlags(cmd)
	o.addStepFlags(cmd)
	cmd.Flags().BoolVar(&o.hybrid, "hybrid", false, "secure the session by X25519, too")
	return cmd
}

func answerCommand() *cobra.Command {
	var o sessionOptions
	cmd := &cobra.Command{
		Use:   "answer -k GROUND.key --peer VEHICLE.pub --state STATE [OFFER]",
		Short: "the ground station's first step: answer an offer",
		Long: `Usage:
    cqsign session answer -k GROUND.key --peer VEHICLE.pub --state STATE [OFFER]

Checks a vehicle's offer, read from OFFER or standard input, and writes the
answer. The vehicle must be one of those named with --peer. STATE remembers the
session's keys, with mode 0600, until the vehicle's confirmation comes.

Options:
    -k, --key FILE              the ground station's key, made by cqkeygen
        --passphrase-file FILE  read the key's passphrase from FILE; without it,
                                the terminal is asked
        --peer PUB              a vehicle's public key, or whatever else
                                "cqverify -k" takes; can be repeated
        --state STATE           the file that remembers the answer
    -o, --output FILE           where the answer goes; without it, standard
                                output
        --force                 replace files that are there
        --json                  print one JSON object instead of a line`,
		Example: `    $ cqkeygen -o vehicle; cqkeygen -o ground
    $ cqsign session offer -k vehicle.key --peer ground.pub --state v -o 1
    $ cqsign session answer -k ground.key --peer vehicle.pub --state g -o 2 1`,
		Args:    oneMessage,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return o.check(cmd) },
		RunE:    func(cmd *cobra.Command, args []string) error { return answer(cmd, &o, args) },
	}
	o.addKeyFlags(cmd)
	o.addStepFlags(cmd)
	cli.SetExit(cmd, 1, "judged, and the answer is no: the offer is refused")
	return cmd
}

func offer(cmd *cobra.Command, o *sessionOptions) error {
	ring, err := keyring.Load(o.peers)
	if err != nil {
		return err
	}
	keys := ring.Registry.Keys()
	if len(keys) != 1 {
		return cli.Usagef("--peer names %d keys: an offer is for one ground station", len(keys))
	}
	if _, err := ring.Registry.Live(keys[0].Fingerprint, time.Now()); err != nil {
		return err
	}
	identity, _, err := loadKey(cmd, &options{key: o.key, passphrase: o.passphrase, name: "-"})
	if err != nil {
		return err
	}
	suite := wire.MLKEM1024
	if o.hybrid {
		suite = wire.X25519MLKEM1024
	}
	offering, err := wire.OfferSession(identity.Private, wire.FingerprintOf(identity.Private.Public()), ring.Public(keys[0].Fingerprint), suite)
	if errors.Is(err, wire.ErrMalformed) {
		err = cli.Usagef("--peer is the key that signs: a session is between two")
	}
	if err != nil {
		return err
	}
	defer offering.Wipe()
	if err := o.write(cmd, offering, offering.Message()); err != nil {
		return err
	}
	made, err := wire.ParseSessionOffer(offering.Message())
	if err != nil {
		return err
	}
	return o.tell(cmd, &sessionStep{Step: "offered", Role: wire.Vehicle.String(), Suite: suite.String(),
		Vehicle: made.Vehicle.String(), Ground: made.Ground.String()})
}

func answer(cmd *cobra.Command, o *sessionOptions, args []string) error {
	ring, err := keyring.Load(o.peers)
	if err != nil {
		return err
	}
	message, err := readMessage(cmd, args)
	if err != nil {
		return err
	}
	identity, _, err := loadKey(cmd, &options{key: o.key, passphrase: o.passphrase, name: "-"})
	if err != nil {
		return err
	}
	made, err := wire.ParseSessionOffer(message)
	if err != nil {
		return refused("offer", err)
	}
	if _, err := ring.Registry.Live(made.Vehicle.String(), time.Now()); err != nil {
		return refused("offer", err)
	}
	ground := wire.FingerprintOf(identity.Private.Public())
	answering, err := wire.AnswerSession(identity.Private, ground, message, ring.Public(made.Vehicle.String()))
	if err != nil {
		return refused("offer", err)
	}
	defer answering.Wipe()
	if err := o.write(cmd, answering, answering.Message()); err != nil {
		return err
	}
	return o.tell(cmd, &sessionStep{Step: "answered", Session: answering.ID().String(), Role: wire.GroundStation.String(),
		Suite: made.Suite.String(), Vehicle: made.Vehicle.String(), Ground: ground.String()})
}

// write writes a first step's state and then its message.
func (o *sessionOptions) write(cmd *cobra.Command, state wire.State, message []byte) error {
	out, err := createMessage(cmd, o.output, o.force)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := writeState(cmd, o.state, state, o.force); err != nil {
		return err
	}
	return writeMessage(out, message)
}

// refused says that what the other side sent was judged, and is no good. Everything
// else is an error as any.
func refused(what string, err error) error {
	var refusal *trust.Refusal
	for _, judged := range []error{wire.ErrMalformed, wire.ErrParty, wire.ErrOffer, wire.ErrConfirmation, pqsig.ErrBadSignature} {
		if errors.Is(err, judged) || errors.As(err, &refusal) {
			return cli.Rejected(fmt.Errorf("the %s is refused: %w", what, err))
		}
	}
	return err
}

// sessionStep is what a step came to, as --json prints it.
type sessionStep struct {
	Step    string `json:"step"`              // offered, answered, confirmed or open
	Session string `json:"session,omitempty"` // id
	Role    string `json:"role"`              // this side's: vehicle or ground
	Suite   string `json:"suite"`
	Vehicle string `json:"vehicle"`
	Ground  string `json:"ground"`
	Output  string `json:"output,omitempty"`       // the message
	State   string `json:"state,omitempty"`        // what remembers the step
	File    string `json:"session_file,omitempty"` // the open session
}

// tell prints what a step came to: on standard output, if no message went there.
func (o *sessionOptions) tell(cmd *cobra.Command, s *sessionStep) error {
	if s.Step != "open" {
		s.State = o.state
	}
	s.File = o.session
	other := s.Vehicle
	if s.Role == wire.Vehicle.String() {
		other = s.Ground
	}
	text := fmt.Sprintf("session %s: %s, with %s", s.Session, s.Step, other)
	if s.Session == "" {
		text = fmt.Sprintf("session offered to %s", other)
	}
	switch {
	case o.json:
		if s.Step != "open" || s.Role == wire.GroundStation.String() {
			s.Output = o.output
		}
		return report.WriteJSON(cmd.OutOrStdout(), s)
	case o.output == "-" && !(s.Step == "open" && s.Role == wire.Vehicle.String()):
		cli.Say(cmd, "%s", text)
		return nil
	}
	_, err := io.WriteString(cmd.OutOrStdout(), text+"\n")
	return err
}
