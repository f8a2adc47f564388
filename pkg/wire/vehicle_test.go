package wire_test

import (
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
)

// An obeyer returns the command that a frame completes, if it is to be obeyed.
type obeyer interface {
	obey(frame []byte, now time.Duration) *wire.Command
}

// receiver is package wire's own.
type receiver struct{ *wire.Receiver }

func (r receiver) obey(frame []byte, now time.Duration) *wire.Command {
	if payloadOf(frame) == nil {
		return nil
	}
	c, _ := r.Add(tlog.Frame(frame), now)
	return c
}

func newReceiver(own *pqsig.PublicKey, session wire.SessionID, keys wire.KeyFunc) (obeyer, error) {
	r, err := wire.NewReceiver(wire.ReceiverOptions{
		Self: wire.FingerprintOf(own), System: 1, Components: []uint8{1}, Keys: keys, Session: session, Late: true,
	})
	return receiver{r}, err
}

// vehicle is a receiver after docs/wire-v2.md, "Receiving commands, live", that leaves out
// one of its checks.
type vehicle struct {
	chunks  *chunk.Assembler
	own     wire.Fingerprint
	session wire.SessionID
	keys    wire.KeyFunc
	nonces  nonce.Window
	lax     string
}

func newVehicle(own *pqsig.PublicKey, session wire.SessionID, keys wire.KeyFunc, lax string) *vehicle {
	return &vehicle{chunks: chunk.NewAssembler(chunk.Limits{}), own: wire.FingerprintOf(own), session: session, keys: keys, lax: lax}
}

func (v *vehicle) obey(frame []byte, now time.Duration) *wire.Command {
	p := payloadOf(frame)
	if p == nil {
		return nil
	}
	c, err := chunk.Parse(p)
	if err != nil {
		return nil
	}
	messages, err := v.chunks.Add(chunk.Source{System: frame[5], Component: frame[6]}, c, now, 0)
	if err != nil || len(messages) == 0 {
		return nil
	}
	m := messages[0]
	if m.Type != chunk.Command || m.Repeat && v.lax != "nonce" {
		return nil
	}
	claimed, err := wire.ParseCommand(m.Bytes)
	if err != nil {
		return nil
	}
	if v.lax == "signature" && v.nonces.Accept(claimed.Nonce) {
		return claimed
	}
	if claimed.Logged() {
		if v.lax != "kind" {
			return nil
		}
	} else if claimed.Receiver != v.own && v.lax != "receiver" || claimed.Session != v.session && v.lax != "session" {
		return nil
	}
	if claimed.Target != (wire.Address{System: 1, Component: 1}) && v.lax != "target" || v.lax != "nonce" && !v.nonces.Fresh(claimed.Nonce) {
		return nil
	}
	command, err := wire.VerifyCommand(m.Bytes, v.keys)
	if err != nil || v.lax != "nonce" && !v.nonces.Accept(command.Nonce) {
		return nil
	}
	return command
}
