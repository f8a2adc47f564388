// Package keyfile stores the keys of cqkit as files: PKCS#8 and SPKI in PEM,
// with or without a passphrase, and CleitonQ's raw files.
//
// [Generate] makes a key, [WritePair] stores both halves, [ReadPrivate] and
// [ReadPublic] read them back; [Parse] does the same for bytes from elsewhere
// and [Inspect] says what a file is without needing its passphrase. A [Private] or [Public] knows
// its label, date and fingerprint and hands out the key itself as the type of
// package pqsig or pqkem.
//
// Reading is strict: a key has one encoding, and everything that would not
// re-encode to the same bytes is refused, with the reason. Private keys are
// read from their seeds, or from seed and expanded key if the two agree.
// docs/key-files.md specifies the format.
//
// A [TokenStore] keeps a private key's seed in a PKCS#11 token instead of a file: custody,
// not signing in hardware. A [TokenSigner] fetches it for each signature.
//
// The package does not ask for passphrases or PINs, print, or decide which keys to
// trust; package trust does the last.
package keyfile

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// A Kind is what a key is for; each has one algorithm. The zero value is none.
type Kind uint8

const (
	Sign   Kind = iota + 1 // ML-DSA-87: seals and commands
	KEM                    // ML-KEM-1024: sessions
	Hybrid                 // X25519 and ML-KEM-1024: sessions
	Root                   // SLH-DSA-SHA2-256s: revoking other keys
)

var kinds = [...]struct {
	name string
	sig  pqsig.Algorithm
	kem  pqkem.Algorithm
}{
	Sign:   {name: "sign", sig: pqsig.MLDSA87},
	KEM:    {name: "kem", kem: pqkem.MLKEM1024},
	Hybrid: {name: "hybrid", kem: pqkem.X25519MLKEM1024},
	Root:   {name: "root", sig: pqsig.SLHDSASHA2256s},
}

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Sign, KEM, Hybrid, Root} }

// ParseKind returns the kind with the given name.
func ParseKind(name string) (Kind, error) {
	i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.String() == name })
	if i < 0 {
		return 0, fmt.Errorf("no kind of key %q", name)
	}
	return Kinds()[i], nil
}

func (k Kind) valid() bool { return k >= Sign && k <= Root }

// String returns the name of the kind: sign, kem, hybrid or root.
func (k Kind) String() string {
	if !k.valid() {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kinds[k].name
}

// Algorithm returns the name of the kind's algorithm, such as "ML-DSA-87".
func (k Kind) Algorithm() string {
	switch {
	case !k.valid():
		return k.String()
	case kinds[k].sig.Valid():
		return kinds[k].sig.String()
	}
	return kinds[k].kem.String()
}

// An Encoding is a way to write a key. The zero value is PEM.
type Encoding uint8

const (
	PEM Encoding = iota // PKCS#8 and SPKI
	Raw                 // CleitonQ's files
)

// String returns the name of the encoding: pem or raw.
func (e Encoding) String() string {
	if e == Raw {
		return "raw"
	}
	return "pem"
}

// ParseEncoding returns the encoding with the given name.
func ParseEncoding(name string) (Encoding, error) {
	switch name {
	case "pem":
		return PEM, nil
	case "raw":
		return Raw, nil
	}
	return 0, fmt.Errorf("no encoding %q", name)
}

// These errors call for something other than another file. Each says what can
// be done; nothing was read or written when one is returned.
var (
	// ErrPrivate: a private key stands where a public one is wanted.
	ErrPrivate = errors.New("this is a private key, not a public one")
	// ErrPublic: a public key stands where a private one is wanted.
	ErrPublic = errors.New("this is a public key, not a private one")
	// ErrCertificate: the file holds a certificate or a request for one.
	ErrCertificate = errors.New("this is a certificate, not a key")
	// ErrProtected: the key needs a passphrase and none was offered.
	ErrProtected = errors.New("the key is protected by a passphrase")
	// ErrPassphrase: the passphrase does not open the key.
	ErrPassphrase = errors.New("wrong passphrase, or the file is damaged")
	// ErrExpandedOnly: the file lacks the seed, and it cannot be computed.
	ErrExpandedOnly = errors.New("the file has only the expanded private key, not its seed")
	// ErrNoRaw: the kind of key has no raw form.
	ErrNoRaw = errors.New("keys of this kind have no raw form")
)

// Comments are what the text before a key says about it. Nothing authenticates
// them.
type Comments struct {
	// Label is a name for people, at most MaxLabelRunes printable characters; ""
	// is no label.
	Label string
	// Created is when the key was made, in whole seconds; the zero time if
	// unknown.
	Created time.Time
}

// A Public is a public key as a file has it. It is immutable.
type Public struct {
	Comments
	kind Kind
	sig  *pqsig.PublicKey
	kem  *pqkem.PublicKey
}

// Kind returns what the key is for.
func (p *Public) Kind() Kind { return p.kind }

// Verifier returns the key of a [Sign] or [Root] file, nil for others.
func (p *Public) Verifier() *pqsig.PublicKey { return p.sig }

// KEM returns the key of a [KEM] or [Hybrid] file, nil for others.
func (p *Public) KEM() *pqkem.PublicKey { return p.kem }

// DER returns the SPKI, for a hybrid key the two of its parts.
func (p *Public) DER() []byte {
	if p.sig != nil {
		return p.sig.SPKI()
	}
	return p.kem.SPKI()
}

// Fingerprint returns "SHA256:" and the unpadded base64 of the SHA-256 of
// [Public.DER].
func (p *Public) Fingerprint() string {
	if p.sig != nil {
		return p.sig.Fingerprint()
	}
	return p.kem.Fingerprint()
}

// NewPublic makes a file's key of a signature key.
func NewPublic(key *pqsig.PublicKey, c Comments) *Public {
	p := &Public{Comments: c, kind: Sign, sig: key}
	if key.Algorithm() == pqsig.SLHDSASHA2256s {
		p.kind = Root
	}
	return p
}

// A Private is a private key as a file has it. Printing one, with any verb,
// shows its algorithm and nothing else.
type Private struct {
	Comments
	kind Kind
	sig  *pqsig.PrivateKey
	kem  *pqkem.PrivateKey
}

// Generate makes a key from the operating system's randomness. It checks the
// label; see [CheckLabel].
func Generate(kind Kind, c Comments) (*Private, error) {
	if !kind.valid() {
		return nil, fmt.Errorf("no kind of key %d", uint8(kind))
	}
	if err := CheckLabel(c.Label); err != nil {
		return nil, err
	}
	k := &Private{Comments: c, kind: kind}
	var err error
	if alg := kinds[kind].sig; alg.Valid() {
		k.sig, err = pqsig.Generate(alg)
	} else {
		k.kem, err = pqkem.Generate(kinds[kind].kem)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// fromSeed makes the key of a seed, which it does not retain.
func fromSeed(kind Kind, seed []byte) (*Private, error) {
	k := &Private{kind: kind}
	var err error
	if alg := kinds[kind].sig; alg.Valid() {
		k.sig, err = pqsig.NewPrivateKey(alg, seed)
	} else {
		k.kem, err = pqkem.NewPrivateKey(kinds[kind].kem, seed)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Kind returns what the key is for.
func (k *Private) Kind() Kind { return k.kind }

// Signer returns the key of a [Sign] or [Root] file, nil for others.
func (k *Private) Signer() *pqsig.PrivateKey { return k.sig }

// KEM returns the key of a [KEM] or [Hybrid] file, nil for others.
func (k *Private) KEM() *pqkem.PrivateKey { return k.kem }

// Public returns the public half, with the same comments.
func (k *Private) Public() *Public {
	p := &Public{Comments: k.Comments, kind: k.kind}
	if k.sig != nil {
		p.sig = k.sig.Public()
	} else {
		p.kem = k.kem.Public()
	}
	return p
}

// Fingerprint returns that of the public half.
func (k *Private) Fingerprint() string { return k.Public().Fingerprint() }

// Wipe overwrites the key in memory, as far as that can be done; see
// [pqsig.PrivateKey.Wipe]. The key must not be used after it.
func (k *Private) Wipe() {
	if k.sig != nil {
		k.sig.Wipe()
	}
	if k.kem != nil {
		k.kem.Wipe()
	}
}

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (k Private) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "%s private key", k.kind.Algorithm())
}

// MarshalText refuses: a private key that reaches a log or a JSON encoder is a
// mistake. [Private.PEM] writes one on purpose.
func (k Private) MarshalText() ([]byte, error) {
	return nil, errors.New("a private key is not marshalled")
}
