package aead

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// BenchmarkSeal and BenchmarkOpen stand beside the library alone, which is the bound,
// with a nonce that is written anew for each packet into memory that is kept.
func BenchmarkSeal(b *testing.B) { benchmark(b, true) }
func BenchmarkOpen(b *testing.B) { benchmark(b, false) }

func benchmark(b *testing.B, seal bool) {
	key := testKey("bench")
	k := New(key, 1)
	alone, err := chacha20poly1305.New(key[:])
	if err != nil {
		b.Fatal(err)
	}
	var aad [16]byte
	for _, size := range []int{20, 50, 280} {
		plain, buf := make([]byte, size), make([]byte, 0, size+Overhead)
		nonce := make([]byte, chacha20poly1305.NonceSize)
		binary.LittleEndian.PutUint32(nonce, 1)
		binary.LittleEndian.PutUint64(nonce[4:], 5)
		sealed := alone.Seal(nil, nonce, plain, aad[:])
		b.Run(fmt.Sprintf("bound/%d", size), func(b *testing.B) {
			for b.Loop() {
				binary.LittleEndian.PutUint64(nonce[4:], 5)
				if seal {
					alone.Seal(buf, nonce, plain, aad[:])
				} else if _, err := alone.Open(buf, nonce, sealed, aad[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("ours/%d", size), func(b *testing.B) {
			for b.Loop() {
				if seal {
					k.Seal(buf, 5, aad[:], plain)
				} else if _, err := k.Open(buf, 5, aad[:], sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
