package pqkem

import (
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"

	"cqkit/pkg/internal/avx"
)

// Every function here brackets its call with avx.Enter and avx.Leave. The
// library panics on wrong lengths; the callers have checked them.

func newMLKEM(seed []byte) (*mlkem1024.PrivateKey, *mlkem1024.PublicKey, []byte) {
	avx.Enter()
	defer avx.Leave()
	pk, sk := mlkem1024.NewKeyFromSeed(seed)
	raw := make([]byte, MLKEM1024PublicKeySize)
	pk.Pack(raw)
	return sk, pk, raw
}

func expandMLKEM(sk *mlkem1024.PrivateKey) []byte {
	avx.Enter()
	defer avx.Leave()
	raw := make([]byte, MLKEM1024ExpandedSize)
	sk.Pack(raw)
	return raw
}

func parseMLKEM(raw []byte) (*mlkem1024.PublicKey, error) {
	avx.Enter()
	defer avx.Leave()
	pk := new(mlkem1024.PublicKey)
	if err := pk.Unpack(raw); err != nil {
		return nil, err
	}
	return pk, nil
}

func encapsulateMLKEM(pk *mlkem1024.PublicKey, m *[32]byte) (secret, ciphertext []byte) {
	secret = make([]byte, MLKEM1024SecretSize)
	ciphertext = make([]byte, MLKEM1024CiphertextSize)
	avx.Enter()
	defer avx.Leave()
	pk.EncapsulateTo(ciphertext, secret, m[:])
	return secret, ciphertext
}

func decapsulateMLKEM(sk *mlkem1024.PrivateKey, ciphertext []byte) []byte {
	secret := make([]byte, MLKEM1024SecretSize)
	avx.Enter()
	defer avx.Leave()
	sk.DecapsulateTo(secret, ciphertext)
	return secret
}
