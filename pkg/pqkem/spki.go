package pqkem

import (
	"crypto/sha256"
	"encoding/base64"
)

// The SubjectPublicKeyInfo of a key is a constant followed by the key: all
// lengths are fixed. id-alg-ml-kem-1024 is 2.16.840.1.101.3.4.4.3 (RFC 9935,
// Section 3), id-X25519 1.3.101.110 (RFC 8410, Section 3); both have no
// parameters.
const (
	mlkemPrefix  = "\x30\x82\x06\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x04\x03\x03\x82\x06\x21\x00"
	x25519Prefix = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x6e\x03\x21\x00"
)

// SPKI returns the DER encoding of the key as a SubjectPublicKeyInfo (RFC 9935,
// Section 4). For the hybrid, which has no algorithm identifier of its own, it returns
// two of them: X25519's (RFC 8410, Section 4), then ML-KEM-1024's.
func (p *PublicKey) SPKI() []byte {
	var der []byte
	raw := p.raw
	if p.alg == X25519MLKEM1024 {
		der = append([]byte(x25519Prefix), raw[:X25519Size]...)
		raw = raw[X25519Size:]
	}
	return append(append(der, mlkemPrefix...), raw...)
}

// Fingerprint returns "SHA256:" and the unpadded base64 of the SHA-256 of
// [PublicKey.SPKI]. It names a key wherever cqkit does.
func (p *PublicKey) Fingerprint() string {
	sum := sha256.Sum256(p.SPKI())
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
