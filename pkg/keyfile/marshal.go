package keyfile

import (
	"errors"
	"fmt"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// rawKind tells CleitonQ's raw files apart by their length.
func rawKind(size int) (kind Kind, private, ok bool) {
	switch size {
	case pqsig.MLDSA87SeedSize:
		return Sign, true, true
	case pqsig.MLDSA87PublicKeySize:
		return Sign, false, true
	case pqkem.MLKEM1024SeedSize:
		return KEM, true, true
	case pqkem.MLKEM1024PublicKeySize:
		return KEM, false, true
	}
	return 0, false, false
}

func parseRaw(kind Kind, private bool, data []byte) (*File, error) {
	if !private {
		p, err := publicFromRaw(kind, data)
		if err != nil {
			return nil, err
		}
		return &File{Public: p, Encoding: Raw}, nil
	}
	k, err := fromSeed(kind, data)
	if err != nil {
		return nil, err
	}
	return &File{Public: k.Public(), Private: k, Encoding: Raw}, nil
}

func publicFromRaw(kind Kind, raw []byte) (*Public, error) {
	p := &Public{kind: kind}
	var err error
	if alg := kinds[kind].sig; alg.Valid() {
		p.sig, err = pqsig.ParsePublicKey(alg, raw)
	} else {
		p.kem, err = pqkem.ParsePublicKey(kinds[kind].kem, raw)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (k Kind) checkRaw() error {
	if k != Sign && k != KEM {
		return fmt.Errorf("%s key: %w", k, ErrNoRaw)
	}
	return nil
}

// Marshal returns the file of the key in the given encoding. Comments are
// lost in the raw one. It fails with [ErrNoRaw] for kinds without raw form and for a
// label that [CheckLabel] refuses.
func (p *Public) Marshal(e Encoding) ([]byte, error) {
	if e == Raw {
		if err := p.kind.checkRaw(); err != nil {
			return nil, err
		}
		if p.sig != nil {
			return p.sig.Bytes(), nil
		}
		return p.kem.Bytes(), nil
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	d := document{Comments: p.Comments, kind: p.kind, fingerprint: p.Fingerprint(), typ: typePublic}
	der := p.DER()
	if p.kind == Hybrid {
		n := x25519SPKISize
		d.blocks = append(d.blocks, der[:n])
		der = der[n:]
	}
	d.blocks = append(d.blocks, der)
	return d.marshal(), nil
}

// x25519SPKISize is the length of the first of a hybrid key's two SPKI.
const x25519SPKISize = 12 + pqkem.X25519Size

// Marshal returns the file of the key in the given encoding, protected by the
// passphrase unless that is nil. It fails with [ErrNoRaw] for kinds without raw form,
// for a raw key with a passphrase and for a label that [CheckLabel] refuses. The caller wipes
// the result, and the passphrase.
func (k *Private) Marshal(e Encoding, passphrase []byte) ([]byte, error) {
	seed := k.seed()
	defer clear(seed)
	if e == Raw {
		if err := k.kind.checkRaw(); err != nil {
			return nil, err
		}
		if passphrase != nil {
			return nil, errors.New("a raw key cannot be protected by a passphrase")
		}
		return append([]byte(nil), seed...), nil
	}
	if err := k.check(); err != nil {
		return nil, err
	}
	d := document{Comments: k.Comments, kind: k.kind, fingerprint: k.Fingerprint(), typ: typePrivate}
	defer d.wipe()
	add := func(p part, seed []byte) error {
		der, err := marshalPKCS8(p, seed)
		if err != nil {
			return err
		}
		if passphrase != nil {
			defer clear(der)
			if der, err = protect(der, passphrase); err != nil {
				return err
			}
			d.typ = typeProtected
		}
		d.blocks = append(d.blocks, der)
		return nil
	}
	var err error
	switch k.kind {
	case Sign:
		err = add(partMLDSA, seed)
	case Root:
		err = add(partSLH, seed)
	case KEM:
		err = add(partMLKEM, seed)
	case Hybrid:
		if err = add(partX25519, seed[:pqkem.X25519Size]); err == nil {
			err = add(partMLKEM, seed[pqkem.X25519Size:])
		}
	}
	if err != nil {
		return nil, err
	}
	return d.marshal(), nil
}

// seed is what a file stores of the key. The caller wipes it.
func (k *Private) seed() []byte {
	switch {
	case k.kind == Root:
		return k.sig.Expanded()
	case k.sig != nil:
		return k.sig.Seed()
	}
	return k.kem.Seed()
}

// check refuses comments that the file could not be read back with.
func (c Comments) check() error {
	if err := CheckLabel(c.Label); err != nil {
		return err
	}
	if y := c.Created.UTC().Year(); !c.Created.IsZero() && (y < 1 || y > 9999) {
		return fmt.Errorf("no file can say that a key was made in the year %d", y)
	}
	return nil
}
