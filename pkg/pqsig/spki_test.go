package pqsig

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// TestSPKI compares with the example of RFC 9881.
func TestSPKI(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "vectors", "keys", "rfc9881", "ML-DSA-87.pub"))
	if os.IsNotExist(err) {
		t.Skipf("the shared vectors are not beside this checkout: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	seed := make([]byte, 32) // 00 01 02 …, as in the RFC's private key
	for i := range seed {
		seed[i] = byte(i)
	}
	k, err := NewPrivateKey(MLDSA87, seed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Public().SPKI(), block.Bytes) {
		t.Error("another SPKI than RFC 9881's")
	}
	// base64 -d of the block | sha256sum
	const want = "SHA256:B+V8TxTbrRJn9iHsN3e04ubE+8TCL7uHUQ/44LPGpkI"
	if got := k.Public().Fingerprint(); got != want {
		t.Errorf("fingerprint %q, want %q", got, want)
	}
}
