package wire

import (
	"cqkit/pkg/chunk"
	"cqkit/pkg/nonce"
	"cqkit/pkg/tlog"
)

// Sender states the commands of one signer to one receiver, live. It is safe for
// concurrent use and must not be copied.
type Sender struct {
	Key      Signer
	Signer   Fingerprint // of Key
	Receiver Fingerprint
	// Session is the session that both are in. The receiver refuses the zero SessionID
	// unless it was told otherwise.
	Session SessionID
	// Nonces gives out numbers that rise. Nil counts 1, 2, 3, which is right in a
	// session and wrong without one: there it must rise across restarts, too.
	Nonces func() (uint64, error)

	count nonce.Source
}

// Chunks signs a statement of the command that a frame is, and cuts it into chunks to be sent
// behind the frame, paced: relays drop bursts. They may be sent again as they are.
func (s *Sender) Chunks(f tlog.Frame) ([]chunk.Chunk, error) {
	c := CommandOf(f)
	c.Signer, c.Receiver, c.Session = s.Signer, s.Receiver, s.Session
	var err error
	if s.Nonces != nil {
		c.Nonce, err = s.Nonces()
	} else {
		c.Nonce, err = s.count.Next(0)
	}
	if err != nil {
		return nil, err
	}
	message, err := c.Sign(s.Key)
	if err != nil {
		return nil, err
	}
	return c.chunks(message)
}
