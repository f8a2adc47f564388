package wire

import (
	"crypto/hmac"
	"crypto/sha3"
	"encoding/binary"
	"hash"

	"cqkit/pkg/keccak"
)

// ConfirmationSize is the length of a confirmation, in bytes.
const ConfirmationSize = atConfirmTag + keccak.Size

const (
	atConfirmRole = headSize
	atConfirmID   = atConfirmRole + 1
	atConfirmTag  = atConfirmID + 16
)

// SessionConfirmation is what a confirmation says. Only the two ends of the session can
// tell whether it is true.
type SessionConfirmation struct {
	Role    Role // of the sender
	Session SessionID

	message []byte
}

// ParseSessionConfirmation reads a confirmation, [ConfirmationSize] bytes. It retains
// message. The error is [ErrMalformed].
func ParseSessionConfirmation(message []byte) (*SessionConfirmation, error) {
	if len(message) != ConfirmationSize {
		return nil, malformed("a confirmation of %d bytes", len(message))
	}
	if message[0] != version || message[1] != kindConfirm || binary.LittleEndian.Uint16(message[2:]) != ConfirmationSize-headSize {
		return nil, malformed("head %x is none of a confirmation", message[:headSize])
	}
	c := &SessionConfirmation{Role: Role(message[atConfirmRole]), Session: SessionID(message[atConfirmID:atConfirmTag]), message: message}
	if !c.Role.Valid() {
		return nil, malformed("%v", c.Role)
	}
	return c, nil
}

// confirmation makes the message of one end, nil if the keys are gone.
func (k *schedule) confirmation(r Role) []byte {
	if k.wiped.Load() {
		return nil
	}
	id := k.transcript.id()
	b := make([]byte, 0, ConfirmationSize)
	b = append(b, version, kindConfirm)
	b = binary.LittleEndian.AppendUint16(b, ConfirmationSize-headSize)
	b = append(b, byte(r))
	b = append(b, id[:]...)
	tag := k.confirmationTag(r, b)
	return append(b, tag[:]...)
}

func (k *schedule) confirmationTag(r Role, head []byte) (tag [keccak.Size]byte) {
	key := expand(&k.main, forConfirmation, r, Address{})
	defer clear(key[:])
	mac := hmac.New(func() hash.Hash { return sha3.New256() }, key[:]) // once, so not worth a keccak.HMAC
	mac.Write(head)
	mac.Write(k.transcript[:])
	mac.Sum(tag[:0])
	return tag
}

// confirmedBy checks the message of one end.
func (k *schedule) confirmedBy(r Role, message []byte) error {
	if k.wiped.Load() {
		return ErrWiped
	}
	c, err := ParseSessionConfirmation(message)
	if err != nil {
		return err
	}
	if c.Session != k.transcript.id() || c.Role != r {
		return ErrConfirmation
	}
	want := k.confirmationTag(r, message[:atConfirmTag])
	if !equal(want[:], message[atConfirmTag:]) {
		return ErrConfirmation
	}
	return nil
}
