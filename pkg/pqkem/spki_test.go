package pqkem

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// TestSPKI compares with the example of RFC 9935.
func TestSPKI(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "vectors", "keys", "mlkem-certs", "ML-KEM-1024.pub"))
	if os.IsNotExist(err) {
		t.Skipf("the shared vectors are not beside this checkout: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	seed := make([]byte, 64) // 00 01 02 …, as in the RFC's private key
	for i := range seed {
		seed[i] = byte(i)
	}
	k, err := NewPrivateKey(MLKEM1024, seed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Public().SPKI(), block.Bytes) {
		t.Error("another SPKI than RFC 9935's")
	}
	// base64 -d of the block | sha256sum
	const want = "SHA256:0rdICuAGoUs3weio5F6jkCLjKpsae5DVlMhNhpxqxCA"
	if got := k.Public().Fingerprint(); got != want {
		t.Errorf("fingerprint %q, want %q", got, want)
	}
	// The hybrid's is that of X25519 in front of the same.
	hybrid, err := NewPrivateKey(X25519MLKEM1024, append(make([]byte, 32), seed...))
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.MarshalPKIXPublicKey(hybrid.Public().ecdh)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(hybrid.Public().SPKI(), append(x, block.Bytes...)) {
		t.Error("the hybrid's SPKI is not the two of its parts")
	}
}
