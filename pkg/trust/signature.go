package trust

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

const (
	rootKeySize       = 64    // FIPS 205, Table 2
	rootSignatureSize = 29792 // likewise
	keyHashSize       = 4
)

// rootSPKI is what stands before the key in the SubjectPublicKeyInfo of an
// SLH-DSA-SHA2-256s key (RFC 9909, Section 4).
const rootSPKI = "\x30\x50\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x18\x03\x41\x00"

// ErrBadSignature means that a list does not carry the signature of the root it names.
var ErrBadSignature = errors.New("the signature of the revocation list does not hold")

// Verify checks a signature by the key of a SubjectPublicKeyInfo under a context string.
// It returns nil only for a good one.
type Verify func(der []byte, context string, msg, sig []byte) error

// Sign signs under a context string, as pqsig.PrivateKey.Sign does.
type Sign func(msg []byte, context string) ([]byte, error)

// rootKey returns the bare key of a root's SubjectPublicKeyInfo.
func rootKey(der []byte) ([]byte, error) {
	key, ok := bytes.CutPrefix(der, []byte(rootSPKI))
	if !ok || len(key) != rootKeySize {
		return nil, errors.New("a root is an SLH-DSA-SHA2-256s key")
	}
	return key, nil
}

// keyHash is the first part of a signature line: signed-note gives SLH-DSA no algorithm
// byte, so it is of type 0xFF with a name of its own.
func keyHash(name string, key []byte) []byte {
	h := sha256.New()
	h.Write([]byte(name + "\n\xffcqkit SLH-DSA-SHA2-256s"))
	h.Write(key)
	return h.Sum(nil)[:keyHashSize]
}

// parseSignature reads a signature line.
func (l *List) parseSignature(line string) error {
	line, ok := strings.CutPrefix(line, sigPrefix)
	if !ok {
		return errors.New("want a signature line")
	}
	name, b64, _ := strings.Cut(line, " ")
	if err := checkName(name); err != nil {
		return err
	}
	sig, ok := decode64(b64)
	if !ok {
		return errors.New("the signature is not base64")
	}
	return l.setSignature(name, sig)
}

func (l *List) setSignature(name string, sig []byte) error {
	if len(sig) != keyHashSize+rootSignatureSize {
		return fmt.Errorf("the signature has %d bytes, not %d", len(sig), keyHashSize+rootSignatureSize)
	}
	l.Name, l.sig = name, sig
	return nil
}

// Verify checks that the list is signed by the root of a SubjectPublicKeyInfo. The
// error is [ErrBadSignature] unless der is no root's.
func (l *List) Verify(der []byte, verify Verify) error {
	key, err := rootKey(der)
	switch {
	case err != nil:
		return err
	case l.sig == nil || Fingerprint(der) != l.Root:
		return ErrBadSignature
	case !bytes.Equal(l.sig[:keyHashSize], keyHash(l.Name, key)):
		return ErrBadSignature
	case verify(der, ListContext, l.text, l.sig[keyHashSize:]) != nil:
		return ErrBadSignature
	}
	return nil
}

// Sign signs the list as it stands, in the name of name, with the key of the root's
// SubjectPublicKeyInfo.
func (l *List) Sign(name string, der []byte, sign Sign) error {
	key, err := rootKey(der)
	if err == nil {
		err = checkName(name)
	}
	switch {
	case err != nil:
		return err
	case Fingerprint(der) != l.Root:
		return errors.New("the list is of another root")
	case len(l.Steps) == 0:
		return errors.New("the list has no steps")
	}
	sig, err := sign(l.text, ListContext)
	if err != nil {
		return err
	}
	return l.setSignature(name, append(keyHash(name, key), sig...))
}
