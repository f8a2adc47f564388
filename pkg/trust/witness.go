package trust

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Type bytes of C2SP tlog-cosignature.
const (
	cosignEd25519 = 0x04
	cosignMLDSA44 = 0x06
)

// cosignatureSize is the length in bytes of key ID, time and signature.
const cosignatureSize = keyHashSize + 8 + ed25519.SignatureSize

// Witness is somebody whose cosignatures (C2SP tlog-cosignature, cosignature/v1) show
// that a note was there at a time.
type Witness struct {
	Name  string // on its signature lines
	Label string // the verifier's own name for it, "" for none

	key  ed25519.PublicKey
	hash []byte
}

// ParseWitness reads a C2SP verifier key of type 0x04, "NAME+HASH+BASE64".
func ParseWitness(vkey string) (*Witness, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, b64, _ := strings.Cut(rest, "+")
	if err := checkName(name); err != nil {
		return nil, err
	}
	hash, err := hex.DecodeString(id)
	if err != nil || len(hash) != keyHashSize || strings.ToLower(id) != id {
		return nil, errors.New("a witness is a verifier key, NAME+HASH+BASE64, with a hash of 8 hex digits")
	}
	raw, ok := decode64(b64)
	if !ok || len(raw) == 0 {
		return nil, errors.New("the key of the witness is not base64")
	}
	switch {
	case raw[0] == cosignMLDSA44:
		return nil, errors.New("the witness cosigns with ML-DSA-44, which is not supported: ask for its Ed25519 key")
	case raw[0] == 0x01:
		return nil, errors.New("this is a log's verifier key, not a witness's")
	case raw[0] != cosignEd25519 || len(raw) != 1+ed25519.PublicKeySize:
		return nil, errors.New("the witness's key is no Ed25519 cosigner's")
	}
	w := &Witness{Name: name, key: raw[1:], hash: hash}
	if !bytes.Equal(w.keyID(), hash) {
		return nil, errors.New("the hash of the witness's key does not fit its name and key")
	}
	return w, nil
}

func (w *Witness) keyID() []byte {
	h := sha256.New()
	h.Write([]byte(w.Name + "\n"))
	h.Write([]byte{cosignEd25519})
	h.Write(w.key)
	return h.Sum(nil)[:keyHashSize]
}

// String returns the verifier key.
func (w *Witness) String() string {
	return fmt.Sprintf("%s+%x+%s", w.Name, w.hash, base64.StdEncoding.EncodeToString(append([]byte{cosignEd25519}, w.key...)))
}

// Cosignature is a witness's signature line, not verified.
type Cosignature struct {
	Name string    // the witness's, by the line
	Time time.Time // when it cosigned, by the line

	hash    []byte
	seconds uint64
	sig     []byte
}

// ParseCosignature reads a signature line, "— NAME BASE64", without its LF, that can be
// an Ed25519 cosignature.
func ParseCosignature(line string) (*Cosignature, error) {
	rest, ok := strings.CutPrefix(line, sigPrefix)
	name, b64, _ := strings.Cut(rest, " ")
	raw, ok2 := decode64(b64)
	switch {
	case !ok || checkName(name) != nil || !ok2:
		return nil, errors.New("not a signature line, \"— NAME BASE64\"")
	case len(raw) != cosignatureSize:
		return nil, fmt.Errorf("a signature of %d bytes is no cosignature with a time (%d)", len(raw), cosignatureSize)
	}
	c := &Cosignature{Name: name, hash: raw[:keyHashSize], seconds: binary.BigEndian.Uint64(raw[keyHashSize:]), sig: raw[keyHashSize+8:]}
	if c.seconds > math.MaxInt64 || CheckTime(time.Unix(int64(c.seconds), 0)) != nil {
		return nil, errors.New("the time of the cosignature is out of range")
	}
	c.Time = time.Unix(int64(c.seconds), 0).UTC()
	return c, nil
}

// by reports whether the line is in the name and by the key ID of a witness.
func (c *Cosignature) by(w *Witness) bool { return c.Name == w.Name && bytes.Equal(c.hash, w.hash) }

// Verify checks a cosignature of a note's text, which ends with its last line's LF.
func (w *Witness) Verify(text []byte, c *Cosignature) error {
	if !c.by(w) || !ed25519.Verify(w.key, c.message(text), c.sig) {
		return fmt.Errorf("the cosignature of %q does not hold", c.Name)
	}
	return nil
}

// String returns the signature line, without its LF.
func (c *Cosignature) String() string {
	raw := binary.BigEndian.AppendUint64(bytes.Clone(c.hash), c.seconds)
	return sigPrefix + c.Name + " " + base64.StdEncoding.EncodeToString(append(raw, c.sig...))
}

// NewWitness names the Ed25519 key of a witness.
func NewWitness(name string, key ed25519.PublicKey) (*Witness, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if len(key) != ed25519.PublicKeySize {
		return nil, errors.New("not an Ed25519 key")
	}
	w := &Witness{Name: name, key: bytes.Clone(key)}
	w.hash = w.keyID()
	return w, nil
}

// Cosign makes the cosignature of a note's text at a time, of which the whole seconds
// count. The caller has verified the note and seen to it that no other tree of its
// origin was ever cosigned.
func (w *Witness) Cosign(text []byte, now time.Time, key ed25519.PrivateKey) (*Cosignature, error) {
	now = now.UTC().Truncate(time.Second)
	if err := CheckTime(now); err != nil {
		return nil, err
	}
	c := &Cosignature{Name: w.Name, Time: now, hash: bytes.Clone(w.hash), seconds: uint64(now.Unix())}
	c.sig = ed25519.Sign(key, c.message(text))
	return c, w.Verify(text, c)
}

// message is what a witness signs (C2SP tlog-cosignature, "Ed25519 signed message").
func (c *Cosignature) message(text []byte) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", c.seconds, text)
}
