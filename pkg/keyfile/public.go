package keyfile

import "encoding/pem"

// ParsePublicDER reads a public key from the DER of its SubjectPublicKeyInfo, as trust
// files carry it. A hybrid key, which has two, has no such form.
func ParsePublicDER(der []byte) (*Public, error) {
	return ParsePublic(pem.EncodeToMemory(&pem.Block{Type: typePublic, Bytes: der}))
}
