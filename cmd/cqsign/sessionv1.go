package main

import (
	"crypto/sha3"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/report"
	"cqkit/pkg/wire/cleitonq"
)

// v1Options are the flags of CleitonQ's session.
type v1Options struct {
	v1              bool
	key, passphrase string
	peer            string
	system          uint8
	session, output string
	force, json     bool
}

func (o *v1Options) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.v1, "v1", false, "CleitonQ's session, which nobody signs")
	f.StringVar(&o.session, "session", "", "where the session key goes")
	f.BoolVar(&o.force, "force", false, "replace files that are there")
	f.BoolVar(&o.json, "json", false, "print a JSON object")
}

// check checks what both ends need.
func (o *v1Options) check() error {
	switch {
	case !o.v1:
		return cli.Hint(errors.New("this is a step of CleitonQ's session, which nobody signs"),
			`say so with --v1, or begin a session of version 2 with "cqsign session offer"`)
	case o.session == "":
		return cli.Hint(errors.New("no session file given"), "name a file for the session key with --session")
	case o.session == "-":
		return errors.New("what is secret is not written to standard output")
	}
	return nil
}

func initCommand() *cobra.Command {
	var o v1Options
	cmd := &cobra.Command{
		Use:   "init --v1 --peer DRONE.pub --session FILE",
		Short: "start a session of CleitonQ's (SESSION_INIT)",
		Long: `Usage:
    cqsign session init --v1 --peer DRONE.pub --session FILE [-o INIT]

Writes CleitonQ's SESSION_INIT for the drone whose KEM key is named, made by
"cqkeygen kem" or by CleitonQ, and the session key to FILE: 64 hexadecimal
digits, mode 0600. Nothing in it is signed. Anyone can start such a session, and
whoever gets the drone's one KEM key can read all of them, past and future.

Options:
        --v1               say that CleitonQ's session is meant
        --peer PUB         the drone's public KEM key
        --system ID        the initiator's system id; 255 without it
        --session FILE     where the session key goes
    -o, --output INIT      where the message goes; without it, standard output
        --force            replace files that are there
        --json             print one JSON object instead of a line`,
		Example: `    $ cqkeygen kem -o drone
    $ cqsign session init --v1 --peer drone.pub --session ground.k -o init
    $ cqsign session accept --v1 -k drone.key --session drone.k init`,
		Args: cobra.NoArgs,
		PreRunE: func(*cobra.Command, []string) error {
			switch err := o.check(); {
			case err != nil:
				return err
			case o.peer == "":
				return cli.Hint(errors.New("no peer given"), "name the drone's public KEM key with --peer")
			case o.json && o.output == "-":
				return cli.Hint(errors.New("--json and the message cannot both go to standard output"), "name a file for the message with -o")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return initV1(cmd, &o) },
	}
	o.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.peer, "peer", "", "the drone's public KEM key")
	f.Uint8Var(&o.system, "system", 255, "the initiator's system id")
	f.StringVarP(&o.output, "output", "o", "-", "where the message goes")
	return cmd
}

func acceptCommand() *cobra.Command {
	var o v1Options
	cmd := &cobra.Command{
		Use:   "accept --v1 -k DRONE.key --session FILE [INIT]",
		Short: "take a session of CleitonQ's (SESSION_INIT)",
		Long: `Usage:
    cqsign session accept --v1 -k DRONE.key --session FILE [INIT]

Opens CleitonQ's SESSION_INIT, read from INIT or standard input, with the
drone's KEM key, and writes the session key to FILE: 64 hexadecimal digits, mode
0600.

Who sent it, and when, nobody can tell: it may be an old one, sent again with a
new time. One that was altered gives another key and no error; the two sides
have the same key if both print the same check.

Options:
        --v1                    say that CleitonQ's session is meant
    -k, --key FILE              the drone's KEM key
        --passphrase-file FILE  read the key's passphrase from FILE; without it,
                                the terminal is asked
        --session FILE          where the session key goes
        --force                 replace FILE if it is there
        --json                  print one JSON object instead of a line`,
		Example: `    $ cqkeygen kem -o drone
    $ cqsign session init --v1 --peer drone.pub --session ground.k -o init
    $ cqsign session accept --v1 -k drone.key --session drone.k init`,
		Args: oneMessage,
		PreRunE: func(*cobra.Command, []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if o.key == "" {
				return cli.Hint(errors.New("no key given"), "name the drone's KEM key with -k")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return acceptV1(cmd, &o, args) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVarP(&o.key, "key", "k", "", "the drone's KEM key")
	cmd.Flags().StringVar(&o.passphrase, "passphrase-file", "", "read the key's passphrase from this file")
	cli.SetExit(cmd, 1, "judged, and the answer is no: this is no SESSION_INIT")
	return cmd
}

// v1Session is what a step of CleitonQ's session came to, as --json prints it.
type v1Session struct {
	Step   string `json:"step"` // initiated or accepted
	Wire   string `json:"wire"` // v1
	System uint8  `json:"system"`
	TimeUS uint64 `json:"time_us"`
	Check  string `json:"check"`
	Output string `json:"output,omitempty"`
	File   string `json:"session_file"`
}

func initV1(cmd *cobra.Command, o *v1Options) error {
	peer, err := keyfile.ReadPublic(o.peer)
	if err != nil {
		return err
	}
	if peer.Kind() != keyfile.KEM {
		return cli.Hint(fmt.Errorf("%q: a %v key (%s) starts no session of version 1", o.peer, peer.Kind(), peer.Kind().Algorithm()), "make one with %q", "cqkeygen kem -o NAME")
	}
	session, ciphertext, err := cleitonq.Encapsulate(peer.KEM())
	if err != nil {
		return err
	}
	defer clear(session[:])
	now := time.Now()
	m := cleitonq.SessionInit{Initiator: o.system, Time: uint64(now.UnixMicro())}
	copy(m.Ciphertext[:], ciphertext)
	out, err := createMessage(cmd, o.output, o.force)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := writeKeyV1(cmd, o, session[:]); err != nil {
		return err
	}
	if err := writeMessage(out, m.Append(nil)); err != nil {
		return err
	}
	return o.tell(cmd, &v1Session{Step: "initiated", System: m.Initiator, TimeUS: m.Time, Check: checkOf(session[:]), Output: o.output})
}

func acceptV1(cmd *cobra.Command, o *v1Options, args []string) error {
	key, err := keyring.ReadPrivate(cmd, o.key, o.passphrase)
	if err != nil {
		return err
	}
	defer key.Wipe()
	if key.Kind() != keyfile.KEM {
		return fmt.Errorf("%q: a %v key (%s) opens no session of version 1", o.key, key.Kind(), key.Kind().Algorithm())
	}
	message, err := readMessage(cmd, args)
	if err != nil {
		return err
	}
	m, err := cleitonq.ParseSessionInit(message)
	if err != nil {
		return cli.Rejected(err)
	}
	session, err := cleitonq.Decapsulate(key.KEM(), m.Ciphertext[:])
	if err != nil {
		return err
	}
	defer clear(session[:])
	if err := writeKeyV1(cmd, o, session[:]); err != nil {
		return err
	}
	return o.tell(cmd, &v1Session{Step: "accepted", System: m.Initiator, TimeUS: m.Time, Check: checkOf(session[:])})
}

// writeKeyV1 writes a session key as CleitonQ's tools take it.
func writeKeyV1(cmd *cobra.Command, o *v1Options, session []byte) error {
	out, err := cli.Create(cmd, o.session, cli.CreateOptions{Force: o.force, Private: true})
	if err != nil {
		return err
	}
	defer out.Close()
	text := append(hex.AppendEncode(nil, session), '\n')
	defer clear(text)
	if _, err := out.Write(text); err != nil {
		return err
	}
	return out.Commit()
}

// checkOf is what both sides can compare: the beginning of the key's SHA3-256.
func checkOf(session []byte) string {
	sum := sha3.Sum256(session)
	return hex.EncodeToString(sum[:8])
}

func (o *v1Options) tell(cmd *cobra.Command, s *v1Session) error {
	s.Wire, s.File = "v1", o.session
	cli.Warn(cmd, "CleitonQ's session: nobody signed it, and who gets the drone's KEM key can read all of them")
	if o.json {
		return report.WriteJSON(cmd.OutOrStdout(), s)
	}
	text := fmt.Sprintf("session %s by system %d, check %s", s.Step, s.System, s.Check)
	if o.output == "-" {
		cli.Say(cmd, "%s", text)
		return nil
	}
	_, err := io.WriteString(cmd.OutOrStdout(), text+"\n")
	return err
}
