package keyfile

import (
	"bytes"
	"errors"
	"fmt"
)

// A PassphraseFunc returns the passphrase of a protected key. It is called at
// most once for a file, and only if the file is protected. The passphrase is overwritten
// after use.
type PassphraseFunc func() ([]byte, error)

// A File is a parsed key file.
type File struct {
	// Public is the public key, of a private key file too.
	Public *Public
	// Private is the private key, nil in a public key file.
	Private *Private
	// Encoding is how the file was written.
	Encoding Encoding
	// Protected is whether it needed a passphrase.
	Protected bool
}

// Parse reads a key file of any kind. passphrase may be nil, in which case a
// protected key is refused with [ErrProtected]. Parse does not retain data.
func Parse(data []byte, passphrase PassphraseFunc) (*File, error) {
	if kind, private, ok := rawKind(len(data)); ok && !looksLikePEM(data) {
		return parseRaw(kind, private, data)
	}
	d, err := decode(data)
	if err != nil {
		return nil, err
	}
	defer d.wipe()
	f := &File{Protected: d.typ == typeProtected}
	switch d.typ {
	case typePublic:
		f.Public, err = d.public()
	case typePrivate:
		f.Private, err = d.private()
	case typeProtected:
		f.Private, err = d.unprotected(passphrase)
	}
	if err != nil {
		return nil, err
	}
	if f.Private != nil {
		f.Public = f.Private.Public()
	}
	if err := d.checkClaims(f.Public); err != nil {
		return nil, err
	}
	return f, nil
}

// ParsePublic reads a public key file. A private one is refused with
// [ErrPrivate], so that no private key travels where a public one belongs.
func ParsePublic(data []byte) (*Public, error) {
	f, err := Parse(data, nil)
	if errors.Is(err, ErrProtected) || err == nil && f.Private != nil {
		return nil, ErrPrivate
	}
	if err != nil {
		return nil, err
	}
	return f.Public, nil
}

// ParsePrivate reads a private key file. A public one is refused with
// [ErrPublic].
func ParsePrivate(data []byte, passphrase PassphraseFunc) (*Private, error) {
	f, err := Parse(data, passphrase)
	if err != nil {
		return nil, err
	}
	if f.Private == nil {
		return nil, ErrPublic
	}
	return f.Private, nil
}

// looksLikePEM tells a PEM file from a raw one that happens to have its length.
func looksLikePEM(data []byte) bool {
	return bytes.HasPrefix(data, []byte("#")) && bytes.Contains(data, []byte(beginMark)) ||
		bytes.HasPrefix(data, []byte(beginMark))
}

func decode(data []byte) (*document, error) {
	switch {
	case len(data) == 0:
		return nil, errors.New("the file is empty")
	case len(data) > MaxFileBytes:
		return nil, fmt.Errorf("the file has more than %d bytes", MaxFileBytes)
	case bytes.Contains(data, []byte(beginMark)):
		return parseDocument(data)
	case len(data) > 1 && data[0] == 0x30 && data[1] >= 0x20:
		return nil, errors.New(`the file looks like DER; PEM is wanted: convert it with "openssl pkey -inform DER"`)
	}
	return nil, fmt.Errorf("the file is neither PEM nor a raw key (%d bytes; raw keys have 32, 64, 1568 or 2592)", len(data))
}

// parts decodes each block with parse. The results are those of one key: the
// kind, and its seeds or public keys in order.
func (d *document) parts(parse func([]byte) (part, []byte, error)) (Kind, []byte, error) {
	var got []part
	var all []byte
	for i, b := range d.blocks {
		p, value, err := parse(b)
		if err != nil {
			clear(all)
			if len(d.blocks) > 1 {
				err = fmt.Errorf("block %d: %w", i+1, err)
			}
			return 0, nil, err
		}
		got = append(got, p)
		all = append(all, value...)
	}
	switch {
	case len(got) == 2 && got[0] == partX25519 && got[1] == partMLKEM:
		return Hybrid, all, nil
	case len(got) == 2:
		clear(all)
		return 0, nil, fmt.Errorf("two keys, %s and %s, are no key of cqkit; a hybrid key is X25519, then ML-KEM-1024",
			parts[got[0]].name, parts[got[1]].name)
	case got[0] == partMLDSA:
		return Sign, all, nil
	case got[0] == partSLH:
		return Root, all, nil
	case got[0] == partMLKEM:
		return KEM, all, nil
	}
	clear(all)
	return 0, nil, errors.New("an X25519 key alone is no key of cqkit; in a hybrid key an ML-KEM-1024 key follows it")
}

func (d *document) public() (*Public, error) {
	kind, raw, err := d.parts(parseSPKI)
	if err != nil {
		return nil, err
	}
	p, err := publicFromRaw(kind, raw)
	if err != nil {
		return nil, err
	}
	p.Comments = d.Comments
	return p, nil
}

func (d *document) private() (*Private, error) {
	kind, seed, err := d.parts(parsePKCS8)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	k, err := fromSeed(kind, seed)
	if err != nil {
		return nil, err
	}
	k.Comments = d.Comments
	return k, nil
}

func (d *document) unprotected(passphrase PassphraseFunc) (*Private, error) {
	for _, b := range d.blocks { // refuse what cannot be opened before asking for anything
		if _, err := parseProtection(b); err != nil {
			return nil, err
		}
	}
	if passphrase == nil {
		return nil, ErrProtected
	}
	pass, err := passphrase()
	defer clear(pass)
	if err != nil {
		return nil, err
	}
	plain := document{Comments: d.Comments, typ: typePrivate}
	defer plain.wipe()
	for _, b := range d.blocks {
		der, err := unprotect(b, pass)
		if err != nil {
			return nil, err
		}
		plain.blocks = append(plain.blocks, der)
	}
	return plain.private()
}
