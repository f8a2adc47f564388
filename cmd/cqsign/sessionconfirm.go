package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/wire"
)

func confirmCommand() *cobra.Command {
	var o sessionOptions
	cmd := &cobra.Command{
		Use:   "confirm --state STATE [--session FILE] [MESSAGE]",
		Short: "the later steps: take the other's message, and confirm",
		Long: `Usage:
    cqsign session confirm --state STATE [--session FILE] [MESSAGE]

Checks the other side's message, read from MESSAGE or standard input, by what
STATE remembers, and goes on:

    a vehicle with an answer         uses the offer up, erases its key in STATE,
                                     and writes a confirmation
    a ground station with the        opens the session, writes its own
    vehicle's confirmation           confirmation, and removes STATE
    a vehicle with the ground        opens the session and removes STATE; there
    station's confirmation           is nothing to write

A message that is refused changes nothing: the genuine one can still come. If
the other side's message comes again, because the confirmation was lost, the
same confirmation is written again; a ground station whose session is open
already gives its session as STATE for that.

Options:
        --state STATE      what the step before remembered
        --session FILE     keep the open session in FILE, with mode 0600; it has
                           the session's keys, and must not be copied for use in
                           two places: both would count their packets from 1
    -o, --output FILE      where the confirmation goes; without it, standard
                           output
        --force            replace files that are there
        --json             print one JSON object instead of a line`,
		Example: `    $ cqkeygen -o vehicle; cqkeygen -o ground
    $ cqsign session offer -k vehicle.key --peer ground.pub --state v -o 1
    $ cqsign session answer -k ground.key --peer vehicle.pub --state g -o 2 1
    $ cqsign session confirm --state v -o 3 2
    $ cqsign session confirm --state g -o 4 3
    $ cqsign session confirm --state v 4`,
		Args:    oneMessage,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return o.check(cmd) },
		RunE:    func(cmd *cobra.Command, args []string) error { return confirm(cmd, &o, args) },
	}
	o.addStepFlags(cmd)
	cmd.Flags().StringVar(&o.session, "session", "", "keep the open session in this file")
	cli.SetExit(cmd, 1, "judged, and the answer is no: the message is refused")
	return cmd
}

// confirm reads the message first: in a pipe, it comes when the other side's step is
// done, and so is this side's before that.
func confirm(cmd *cobra.Command, o *sessionOptions, args []string) error {
	message, err := readMessage(cmd, args)
	if err != nil {
		return err
	}
	release, err := claim(o.state)
	if err != nil {
		return err
	}
	defer release()
	state, err := readState(o.state)
	if err != nil {
		return err
	}
	defer state.Wipe()
	switch s := state.(type) {
	case *wire.Offering:
		return takeAnswer(cmd, o, s, message)
	case *wire.Answering:
		session, err := s.Accept(message)
		if err != nil {
			return refused("confirmation", err)
		}
		return openSession(cmd, o, session, session.Confirmation())
	case *wire.Confirming:
		if s.Took(message) { // the confirmation was lost
			return confirmAgain(cmd, o, s, message)
		}
		session, err := s.Accept(message)
		if err != nil {
			if _, isAnswer := wire.ParseSessionAnswer(message); isAnswer == nil {
				err = cli.Hint(err, "another answer has been taken already: what comes now is the ground station's confirmation")
			}
			return refused("confirmation", err)
		}
		return openSession(cmd, o, session, nil)
	case *wire.Session:
		if s.Role() == wire.GroundStation && o.session == "" {
			if err := s.Confirmed(message); err != nil {
				return refused("confirmation", err)
			}
			return sendAgain(cmd, o, s)
		}
	}
	return cli.Hint(fmt.Errorf("%q holds an open session", o.state), "there is nothing left to confirm; give it to tag, seal or open with --session")
}

// confirmAgain writes a vehicle's confirmation once more.
func confirmAgain(cmd *cobra.Command, o *sessionOptions, c *wire.Confirming, answer []byte) error {
	if err := errors.Join(o.notOpen(), o.checkJSON()); err != nil {
		return err
	}
	out, err := createMessage(cmd, o.output, o.force)
	if err != nil {
		return err
	}
	defer out.Close()
	return o.confirmed(cmd, out, c, answer)
}

// sendAgain writes an open ground station's confirmation once more.
func sendAgain(cmd *cobra.Command, o *sessionOptions, s *wire.Session) error {
	if err := o.checkJSON(); err != nil {
		return err
	}
	out, err := createMessage(cmd, o.output, o.force)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := writeMessage(out, s.Confirmation()); err != nil {
		return err
	}
	return o.opened(cmd, s)
}

// takeAnswer uses an offer up. Its key is gone from the state before the confirmation
// goes out.
func takeAnswer(cmd *cobra.Command, o *sessionOptions, offering *wire.Offering, message []byte) error {
	if err := errors.Join(o.notOpen(), o.checkJSON()); err != nil {
		return err
	}
	confirming, err := offering.Accept(message)
	if err != nil {
		return refused("answer", err)
	}
	defer confirming.Wipe()
	out, err := createMessage(cmd, o.output, o.force)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := replaceState(cmd, o.state, confirming); err != nil {
		return err
	}
	return o.confirmed(cmd, out, confirming, message)
}

// notOpen refuses to keep a session that is not open yet.
func (o *sessionOptions) notOpen() error {
	if o.session == "" {
		return nil
	}
	return cli.Hint(cli.Usagef("--session with an answer: the session is not open yet"), "give it when the ground station's confirmation comes")
}

// confirmed writes a vehicle's confirmation of the answer it took.
func (o *sessionOptions) confirmed(cmd *cobra.Command, out *cli.Output, c *wire.Confirming, answer []byte) error {
	if err := writeMessage(out, c.Message()); err != nil {
		return err
	}
	taken, err := wire.ParseSessionAnswer(answer)
	if err != nil {
		return err
	}
	return o.tell(cmd, &sessionStep{Step: "confirmed", Session: c.ID().String(), Role: wire.Vehicle.String(),
		Suite: taken.Suite.String(), Vehicle: taken.Vehicle.String(), Ground: taken.Ground.String()})
}

// openSession ends a side's handshake. The state goes last: a step that fails before can
// be taken again.
func openSession(cmd *cobra.Command, o *sessionOptions, session *wire.Session, confirmation []byte) error {
	var out *cli.Output
	if confirmation != nil {
		err := o.checkJSON()
		if err == nil {
			out, err = createMessage(cmd, o.output, o.force)
		}
		if err != nil {
			return err
		}
		defer out.Close()
	}
	if o.session != "" {
		if err := writeState(cmd, o.session, session, o.force); err != nil {
			return err
		}
	}
	if confirmation != nil {
		if err := writeMessage(out, confirmation); err != nil {
			return err
		}
	}
	if err := removeState(o.state); err != nil {
		return err
	}
	return o.opened(cmd, session)
}

func (o *sessionOptions) opened(cmd *cobra.Command, s *wire.Session) error {
	return o.tell(cmd, &sessionStep{Step: "open", Session: s.ID().String(), Role: s.Role().String(),
		Suite: s.Suite().String(), Vehicle: s.Vehicle().String(), Ground: s.Ground().String()})
}
