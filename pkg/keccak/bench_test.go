package keccak

import (
	"crypto/hmac"
	"crypto/sha3"
	"fmt"
	"hash"
	"testing"
)

// BenchmarkTag times a tag, for messages of the lengths of MAVLink packets:
//
//	naive      crypto/hmac made anew for each
//	reused     crypto/hmac, reset
//	one        Tag
//	four       TagAll, a message's share
func BenchmarkTag(b *testing.B) {
	key := make([]byte, 32)
	for _, n := range []int{20, 50, 100, 280} {
		message := make([]byte, n)
		name := func(s string) string { return fmt.Sprintf("%s/%d", s, n) }
		b.Run(name("naive"), func(b *testing.B) {
			for b.Loop() {
				m := hmac.New(func() hash.Hash { return sha3.New256() }, key)
				m.Write(message)
				m.Sum(nil)
			}
		})
		b.Run(name("reused"), func(b *testing.B) {
			m := hmac.New(func() hash.Hash { return sha3.New256() }, key)
			var tag [Size]byte
			for b.Loop() {
				m.Reset()
				m.Write(message)
				m.Sum(tag[:0])
			}
		})
		h := NewHMAC(key)
		b.Run(name("one"), func(b *testing.B) {
			for b.Loop() {
				h.Tag(message)
			}
		})
		b.Run(name("four"), func(b *testing.B) {
			messages, tags := make([][]byte, batch), make([][Size]byte, batch)
			for i := range messages {
				messages[i] = message
			}
			for i := 0; b.Loop(); i++ {
				if i%batch == 0 {
					h.TagAll(tags, messages)
				}
			}
		})
	}
}

// BenchmarkPermute is the bound of four: the permutations alone.
func BenchmarkPermute(b *testing.B) {
	withLanes(func(l *lanes) {
		for b.Loop() {
			l.x4.Permute()
		}
	})
}
