package pqsig

import (
	"crypto/sha256"
	"encoding/base64"
)

// The SubjectPublicKeyInfo of a key is a constant followed by the key: all
// lengths are fixed. id-ml-dsa-87 is 2.16.840.1.101.3.4.3.19 (RFC 9881, Section
// 2), id-slh-dsa-sha2-256s 2.16.840.1.101.3.4.3.24 (RFC 9909, Section 3); both
// have no parameters.
var spkiPrefixes = [...]string{
	MLDSA87:        "\x30\x82\x0a\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13\x03\x82\x0a\x21\x00",
	SLHDSASHA2256s: "\x30\x50\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x18\x03\x41\x00",
}

// SPKI returns the DER encoding of the key as a SubjectPublicKeyInfo (RFC 9881,
// Section 4; RFC 9909, Section 4). It is the only one there is.
func (p *PublicKey) SPKI() []byte {
	return append([]byte(spkiPrefixes[p.alg]), p.raw...)
}

// Fingerprint returns "SHA256:" and the unpadded base64 of the SHA-256 of
// [PublicKey.SPKI]. It names a key wherever cqkit does: in seals, trust files
// and reports.
func (p *PublicKey) Fingerprint() string {
	sum := sha256.Sum256(p.SPKI())
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}
