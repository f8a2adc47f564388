package wire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"cqkit/pkg/pqsig"
)

// Signer signs statements, each kind under its own context string. *pqsig.PrivateKey
// is one.
type Signer interface {
	Sign(msg []byte, context string) ([]byte, error)
}

// KeyFunc returns the key with a fingerprint, nil if none counts that has it. It is
// called from several goroutines.
type KeyFunc func(Fingerprint) *pqsig.PublicKey

// Fingerprint names a key: the SHA-256 of its SubjectPublicKeyInfo. The zero
// Fingerprint names none.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns the fingerprint of a key.
func FingerprintOf(k *pqsig.PublicKey) Fingerprint { return sha256.Sum256(k.SPKI()) }

// String returns "SHA256:" and the unpadded base64 of the fingerprint, as
// [pqsig.PublicKey.Fingerprint] does.
func (f Fingerprint) String() string {
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(f[:])
}

// Keys returns a KeyFunc that knows the given keys.
func Keys(keys ...*pqsig.PublicKey) KeyFunc {
	byID := make(map[Fingerprint]*pqsig.PublicKey, len(keys))
	for _, k := range keys {
		byID[FingerprintOf(k)] = k
	}
	return func(f Fingerprint) *pqsig.PublicKey { return byID[f] }
}

// SignatureSize is how long the signature at the end of a message is, in bytes.
const SignatureSize = pqsig.MLDSA87SignatureSize

// The head of a statement: version, kind and the length of the body.
const (
	version  = 2
	headSize = 4
)

// The kinds of statement.
const (
	kindCommand = 1
	kindLogged  = 2
)

// The context strings of the kinds, FIPS 204, Section 5.2.
const (
	contextCommand = "cqkit/command/v2"
	contextLogged  = "cqkit/logged-command/v2"
)

// ErrMalformed is the reason of every message that is not spelled as docs/wire-v2.md
// says. Nothing in such a message counts.
var ErrMalformed = errors.New("malformed statement")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// split takes a message apart without looking into the body.
func split(message []byte) (kind byte, statement, signature []byte, err error) {
	if len(message) < headSize+SignatureSize {
		return 0, nil, nil, malformed("%d bytes are too few", len(message))
	}
	statement, signature = message[:len(message)-SignatureSize], message[len(message)-SignatureSize:]
	if statement[0] != version {
		return 0, nil, nil, malformed("version %d", statement[0])
	}
	if n := int(binary.LittleEndian.Uint16(statement[2:])); n != len(statement)-headSize {
		return 0, nil, nil, malformed("a body of %d bytes that says it has %d", len(statement)-headSize, n)
	}
	return statement[1], statement, signature, nil
}
