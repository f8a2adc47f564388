package keyfile

import (
	"bytes"
	"crypto/subtle"
	"encoding/asn1"
	"errors"
	"fmt"

	"cqkit/pkg/pqkem"
	"cqkit/pkg/pqsig"
)

// part is the key in one block. X25519 is a part only: a hybrid key is two
// blocks.
type part uint8

const (
	partMLDSA part = iota + 1
	partSLH
	partMLKEM
	partX25519
)

var parts = [...]struct {
	name     string
	oid      asn1.ObjectIdentifier
	seed     int // bytes in a private key file
	expanded int // bytes of the expanded key, 0 if there is none
	public   int
}{
	partMLDSA: {"ML-DSA-87", asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 19},
		pqsig.MLDSA87SeedSize, pqsig.MLDSA87ExpandedSize, pqsig.MLDSA87PublicKeySize},
	partSLH: {"SLH-DSA-SHA2-256s", asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 24},
		pqsig.SLHDSASHA2256sExpandedSize, 0, pqsig.SLHDSASHA2256sPublicKeySize},
	partMLKEM: {"ML-KEM-1024", asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 4, 3},
		pqkem.MLKEM1024SeedSize, pqkem.MLKEM1024ExpandedSize, pqkem.MLKEM1024PublicKeySize},
	partX25519: {"X25519", asn1.ObjectIdentifier{1, 3, 101, 110},
		pqkem.X25519Size, 0, pqkem.X25519Size},
}

// otherAlgorithms are refused by name rather than by number.
var otherAlgorithms = map[string]string{
	"1.2.840.113549.1.1.1":    "RSA",
	"1.2.840.10045.2.1":       "an elliptic curve",
	"1.3.101.111":             "X448",
	"1.3.101.112":             "Ed25519",
	"1.3.101.113":             "Ed448",
	"2.16.840.1.101.3.4.3.17": "ML-DSA-44",
	"2.16.840.1.101.3.4.3.18": "ML-DSA-65",
	"2.16.840.1.101.3.4.3.20": "SLH-DSA-SHA2-128s",
	"2.16.840.1.101.3.4.3.21": "SLH-DSA-SHA2-128f",
	"2.16.840.1.101.3.4.3.22": "SLH-DSA-SHA2-192s",
	"2.16.840.1.101.3.4.3.23": "SLH-DSA-SHA2-192f",
	"2.16.840.1.101.3.4.3.25": "SLH-DSA-SHA2-256f",
	"2.16.840.1.101.3.4.3.26": "SLH-DSA-SHAKE-128s",
	"2.16.840.1.101.3.4.3.27": "SLH-DSA-SHAKE-128f",
	"2.16.840.1.101.3.4.3.28": "SLH-DSA-SHAKE-192s",
	"2.16.840.1.101.3.4.3.29": "SLH-DSA-SHAKE-192f",
	"2.16.840.1.101.3.4.3.30": "SLH-DSA-SHAKE-256s",
	"2.16.840.1.101.3.4.3.31": "SLH-DSA-SHAKE-256f",
	"2.16.840.1.101.3.4.4.1":  "ML-KEM-512",
	"2.16.840.1.101.3.4.4.2":  "ML-KEM-768",
}

type algorithmIdentifier struct {
	Algorithm  asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

func (a algorithmIdentifier) part() (part, error) {
	for p := partMLDSA; p <= partX25519; p++ {
		if !a.Algorithm.Equal(parts[p].oid) {
			continue
		}
		if len(a.Parameters.FullBytes) > 0 {
			return 0, fmt.Errorf("%s key has algorithm parameters, which must be absent", parts[p].name)
		}
		return p, nil
	}
	name, ok := otherAlgorithms[a.Algorithm.String()]
	if !ok {
		name = "algorithm " + a.Algorithm.String()
	}
	return 0, fmt.Errorf("the key is for %s, which cqkit does not use", name)
}

// unmarshal decodes the one DER value that der is. encoding/asn1 overlooks
// some things, such as further fields at the end of a SEQUENCE, so callers re-encode what
// they read and compare.
func unmarshal(der []byte, v any, what string) error {
	rest, err := asn1.Unmarshal(der, v)
	if err != nil {
		return fmt.Errorf("%s is not valid DER: %v", what, err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s has %d bytes of trailing data", what, len(rest))
	}
	return nil
}

func notCanonical(what string) error {
	return fmt.Errorf("%s is not in its one DER encoding", what)
}

// parseSPKI reads a SubjectPublicKeyInfo and returns the key inside.
func parseSPKI(der []byte) (part, []byte, error) {
	const what = "public key"
	var s struct {
		Algorithm algorithmIdentifier
		PublicKey asn1.BitString
	}
	if err := unmarshal(der, &s, what); err != nil {
		return 0, nil, err
	}
	p, err := s.Algorithm.part()
	if err != nil {
		return 0, nil, err
	}
	key := s.PublicKey.Bytes
	if s.PublicKey.BitLength%8 != 0 {
		return 0, nil, fmt.Errorf("%s %s is not a whole number of bytes", parts[p].name, what)
	}
	if len(key) != parts[p].public {
		return 0, nil, fmt.Errorf("%s %s has %d bytes, want %d", parts[p].name, what, len(key), parts[p].public)
	}
	s.Algorithm.Parameters = asn1.RawValue{}
	again, err := asn1.Marshal(s)
	if err != nil || !bytes.Equal(again, der) {
		return 0, nil, notCanonical(what)
	}
	return p, key, nil
}

type privateKeyInfo struct {
	Version    int
	Algorithm  algorithmIdentifier
	PrivateKey []byte
}

// marshalPKCS8 is the seed form of a private key. The caller wipes it.
func marshalPKCS8(p part, seed []byte) ([]byte, error) {
	inner := seed
	switch p {
	case partMLDSA, partMLKEM:
		inner = append([]byte{0x80, byte(len(seed))}, seed...) // [0] IMPLICIT OCTET STRING
		defer clear(inner)
	case partX25519:
		inner = append([]byte{asn1.TagOctetString, byte(len(seed))}, seed...)
		defer clear(inner)
	}
	return asn1.Marshal(privateKeyInfo{
		Algorithm:  algorithmIdentifier{Algorithm: parts[p].oid},
		PrivateKey: inner,
	})
}

// parsePKCS8 reads a PrivateKeyInfo and returns the seed inside, having
// compared it with the expanded key if there is one. The caller wipes the seed.
func parsePKCS8(der []byte) (part, []byte, error) {
	const what = "private key"
	var info struct {
		Version    int
		Algorithm  algorithmIdentifier
		PrivateKey []byte
		Attributes asn1.RawValue `asn1:"optional,tag:0"`
		PublicKey  asn1.RawValue `asn1:"optional,tag:1"`
	}
	if err := unmarshal(der, &info, what); err != nil {
		return 0, nil, err
	}
	defer clear(info.PrivateKey)
	p, err := info.Algorithm.part()
	if err != nil {
		return 0, nil, err
	}
	switch {
	case info.Version != 0:
		return 0, nil, fmt.Errorf("%s has PKCS#8 version %d, want 0", what, info.Version)
	case len(info.Attributes.FullBytes) > 0:
		return 0, nil, fmt.Errorf("%s has attributes, which cqkit does not read", what)
	case len(info.PublicKey.FullBytes) > 0:
		return 0, nil, fmt.Errorf("%s has a public key beside it, which PKCS#8 version 0 does not allow", what)
	}
	again, err := asn1.Marshal(privateKeyInfo{
		Algorithm: algorithmIdentifier{Algorithm: parts[p].oid}, PrivateKey: info.PrivateKey})
	defer clear(again)
	if err != nil || !bytes.Equal(again, der) {
		return 0, nil, notCanonical(what)
	}
	seed, err := parseInner(p, info.PrivateKey)
	if err != nil {
		return 0, nil, err
	}
	return p, seed, nil
}

// parseInner reads what is in the privateKey field and returns a copy of the
// seed.
func parseInner(p part, inner []byte) ([]byte, error) {
	name, size := parts[p].name, parts[p].seed
	if p == partSLH {
		if len(inner) == size+3 && inner[0] == asn1.TagOctetString {
			return nil, fmt.Errorf("%s private key is wrapped in a second OCTET STRING (RFC 9909 has one)", name)
		}
		return seedOfLength(p, inner)
	}
	if len(inner) == 0 {
		return nil, fmt.Errorf("%s private key is empty", name)
	}
	switch tag := inner[0]; {
	case p == partX25519 && tag == asn1.TagOctetString, p != partX25519 && tag == 0x80:
		// The length takes one byte in both; anything else is not DER or too long.
		if len(inner) < 2 || int(inner[1]) != len(inner)-2 {
			return nil, fmt.Errorf("%s seed has %d bytes, want %d", name, max(0, len(inner)-2), size)
		}
		return seedOfLength(p, inner[2:])
	case p != partX25519 && tag == asn1.TagOctetString:
		return nil, fmt.Errorf("%s: %w", name, ErrExpandedOnly)
	case p != partX25519 && tag == 0x30:
		return parseBoth(p, inner)
	}
	return nil, fmt.Errorf("%s private key has neither a seed nor seed and expanded key (tag %#02x)", name, inner[0])
}

func seedOfLength(p part, seed []byte) ([]byte, error) {
	if len(seed) != parts[p].seed {
		what := "seed"
		if p == partSLH {
			what = "private key"
		}
		return nil, fmt.Errorf("%s %s has %d bytes, want %d", parts[p].name, what, len(seed), parts[p].seed)
	}
	return bytes.Clone(seed), nil
}

// parseBoth reads the form that has seed and expanded key, and compares them.
func parseBoth(p part, inner []byte) ([]byte, error) {
	name := parts[p].name
	var both struct{ Seed, Expanded []byte }
	if err := unmarshal(inner, &both, name+" private key"); err != nil {
		return nil, err
	}
	defer clear(both.Expanded)
	defer clear(both.Seed)
	again, err := asn1.Marshal(both)
	defer clear(again)
	if err != nil || !bytes.Equal(again, inner) {
		return nil, notCanonical(name + " private key")
	}
	if len(both.Expanded) != parts[p].expanded {
		return nil, fmt.Errorf("%s expanded key has %d bytes, want %d", name, len(both.Expanded), parts[p].expanded)
	}
	seed, err := seedOfLength(p, both.Seed)
	if err != nil {
		return nil, err
	}
	want, err := expand(p, seed)
	if err != nil {
		return nil, err
	}
	defer clear(want)
	if subtle.ConstantTimeCompare(want, both.Expanded) != 1 {
		clear(seed)
		return nil, fmt.Errorf("%s private key contradicts itself: its expanded key is not that of its seed", name)
	}
	return seed, nil
}

func expand(p part, seed []byte) ([]byte, error) {
	switch p {
	case partMLDSA:
		k, err := pqsig.NewPrivateKey(pqsig.MLDSA87, seed)
		if err != nil {
			return nil, err
		}
		defer k.Wipe()
		return k.Expanded(), nil
	case partMLKEM:
		k, err := pqkem.NewPrivateKey(pqkem.MLKEM1024, seed)
		if err != nil {
			return nil, err
		}
		defer k.Wipe()
		return k.ExpandedMLKEM(), nil
	}
	return nil, errors.New("the algorithm has no expanded keys")
}
