package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/nonce"
	"cqkit/pkg/wire"
)

// packetCommand is "tag" or "seal".
func packetCommand(kind wire.PacketKind) *cobra.Command {
	var session, from, output string
	var force bool
	verb, what := "tag", "everybody can read the packet, and only the other side can check it, by\nHMAC-SHA3-256"
	if kind == wire.Sealed {
		verb, what = "seal", "only the other side can read the packet and check it, by\nChaCha20-Poly1305"
	}
	cmd := &cobra.Command{
		Use:   verb + " --session FILE [PAYLOAD]",
		Short: "make a " + kind.String() + " packet of a session",
		Long: `Usage:
    cqsign session ` + verb + ` --session FILE [-o PACKET] [PAYLOAD]

Reads PAYLOAD, or standard input, and writes it as a packet of an open session:
` + what + `. Packets count from 1, for each
sender and kind; FILE.nonces remembers the count, so that no number is used
twice.

Options:
        --session FILE     the open session, from "cqsign session confirm"
        --from SENDER      the sender's system and component id, such as
                           255/190; 1/1 without it
    -o, --output PACKET    where the packet goes; without it, standard output
        --force            replace PACKET if it is there`,
		Example: `    $ cqkeygen -o vehicle; cqkeygen -o ground
    $ cqsign session offer -k vehicle.key --peer ground.pub --state v.state |\
      cqsign session answer -k ground.key --peer vehicle.pub --state g.state |\
      cqsign session confirm --state v.state |\
      cqsign session confirm --state g.state --session ground.session |\
      cqsign session confirm --state v.state --session vehicle.session
    $ echo "altitude 50" | cqsign session ` + verb + ` --session vehicle.session -o p1
    $ cqverify session open --session ground.session p1`,
		Args: oneMessage,
		PreRunE: func(*cobra.Command, []string) error {
			if session == "" {
				return cli.Hint(errors.New("no session given"), "name the file that \"cqsign session confirm --session\" wrote")
			}
			_, err := parseSender(from)
			return err
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			sender, err := parseSender(from)
			if err != nil {
				return err
			}
			payload, err := readPayload(cmd, args, kind)
			if err != nil {
				return err
			}
			out, err := createMessage(cmd, output, force)
			if err != nil {
				return err
			}
			defer out.Close()
			packet, err := makePacket(cmd, session, kind, sender, payload)
			if err != nil {
				return err
			}
			return writeMessage(out, packet)
		},
	}
	f := cmd.Flags()
	f.StringVar(&session, "session", "", "the open session")
	f.StringVar(&from, "from", "1/1", "the sender's system and component")
	f.StringVarP(&output, "output", "o", "-", "where the packet goes")
	f.BoolVar(&force, "force", false, "replace the packet if it is there")
	return cmd
}

func parseSender(s string) (wire.Address, error) {
	system, component, ok := strings.Cut(s, "/")
	a, err1 := strconv.ParseUint(system, 10, 8)
	b, err2 := strconv.ParseUint(component, 10, 8)
	if !ok || err1 != nil || err2 != nil {
		return wire.Address{}, cli.Hint(fmt.Errorf("--from %q is no sender", s), "write SYSTEM/COMPONENT, both from 0 to 255")
	}
	return wire.Address{System: uint8(a), Component: uint8(b)}, nil
}

func readPayload(cmd *cobra.Command, args []string, kind wire.PacketKind) ([]byte, error) {
	most := wire.MaxPacketSize - kind.Overhead()
	payload, err := readUpTo(cmd, args, most+1)
	if err == nil && len(payload) > most {
		err = fmt.Errorf("the payload is too long: a %v packet carries %s bytes", kind, cli.Thousands(int64(most)))
	}
	return payload, err
}

// makePacket makes the next packet of a session. Its number is on the disk before it is
// used.
func makePacket(cmd *cobra.Command, path string, kind wire.PacketKind, from wire.Address, payload []byte) ([]byte, error) {
	state, err := readState(path)
	if err != nil {
		return nil, err
	}
	defer state.Wipe()
	session, ok := state.(*wire.Session)
	if !ok {
		return nil, cli.Hint(fmt.Errorf("%q holds a handshake that has not come to its end", path), "confirm it first, with --session")
	}
	id := nonce.ID{Key: session.ID().String(), Subject: fmt.Sprintf("%v/%v/%v", session.Role(), kind, from)}
	n, err := nonce.NewDurableSource(nonce.NewFile(path+".nonces"), id, 1).Next(cmd.Context())
	if err != nil {
		return nil, err
	}
	sender := session.Sender(from)
	sender.Raise(kind, n-1)
	if kind == wire.Sealed {
		return sender.Seal(nil, payload)
	}
	return sender.Tag(nil, payload)
}
