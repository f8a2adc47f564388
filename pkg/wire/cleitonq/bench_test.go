package cleitonq_test

import (
	"testing"

	. "cqkit/pkg/wire/cleitonq"
)

// BenchmarkOpen opens packets of 100 bytes, one at a time and many at once.
func BenchmarkOpen(b *testing.B) {
	payload := make([]byte, 100)
	channel, tap, sealer := NewChannel(&secret, Telemetry), NewTAP(&secret), NewSealer(&secret, Telemetry)
	packet, sealed := channel.Append(nil, payload, 1), sealer.Append(nil, payload, 1)
	signed := must(SignPacket(key, payload, 1))
	public := key.Public()
	b.Run("channel", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := channel.Open(packet, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	many := func(b *testing.B, packet []byte, all func([]Opened, [][]byte)) {
		const n = 64
		packets, opened := make([][]byte, n), make([]Opened, n)
		for i := range packets {
			packets[i] = packet
		}
		b.ReportAllocs()
		for b.Loop() {
			all(opened, packets)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/packet")
	}
	b.Run("channel/64", func(b *testing.B) { many(b, packet, channel.OpenAll) })
	b.Run("TAP/64", func(b *testing.B) { many(b, must(tap.Append(nil, payload, 1)), tap.OpenAll) })
	b.Run("sealed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := sealer.Open(sealed, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("signed", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := OpenPacket(public, signed, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}
