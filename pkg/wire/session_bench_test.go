package wire

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"golang.org/x/crypto/chacha20poly1305"

	"cqkit/pkg/internal/avx"
	"cqkit/pkg/keccak"
)

// beside runs ours and the bound by turns in one process, so that both have the same
// neighbours, and reports the median of what each of per things takes of the processor, and the
// ratio of the medians. prepare, if not nil, runs before each turn and does not count.
func beside(b *testing.B, per int, prepare, ours, bound func()) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var a, c []time.Duration
	for b.Loop() {
		if prepare != nil {
			prepare()
		}
		t0 := cpuTime()
		ours()
		t1 := cpuTime()
		bound()
		a, c = append(a, t1-t0), append(c, cpuTime()-t1)
	}
	slices.Sort(a)
	slices.Sort(c)
	mine, least := a[len(a)/2], c[len(c)/2]
	b.ReportMetric(float64(mine.Nanoseconds())/float64(per), "ours-ns")
	b.ReportMetric(float64(least.Nanoseconds())/float64(per), "bound-ns")
	b.ReportMetric(float64(mine)/float64(least), "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkSession is both ends of a whole handshake, beside what circl alone takes for the
// same: a key pair, two signatures, two verifications, an encapsulation and a
// decapsulation, with the ephemeral key packed and unpacked. Signing tries a random number of
// times, so short runs differ by some per cent.
func BenchmarkSession(b *testing.B) {
	v, g := partyOf(b, "vehicle"), partyOf(b, "ground")
	signing, verifying := new(mldsa87.PrivateKey), new(mldsa87.PublicKey)
	var expanded [mldsa87.PrivateKeySize]byte
	copy(expanded[:], v.key.Expanded())
	signing.Unpack(&expanded)
	var packed [mldsa87.PublicKeySize]byte
	copy(packed[:], v.public.Bytes())
	verifying.Unpack(&packed)
	beside(b, 1, nil, func() { shake(b, v, g, MLKEM1024) }, func() {
		avx.Enter()
		defer avx.Leave()
		pk, sk, err := mlkem1024.GenerateKeyPair(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		offer := make([]byte, 1669+SignatureSize)
		pk.Pack(offer[101:1669])
		if err := mldsa87.SignTo(signing, offer[:1669], []byte(contextOffer), true, offer[1669:]); err != nil {
			b.Fatal(err)
		}
		if !mldsa87.Verify(verifying, offer[:1669], []byte(contextOffer), offer[1669:]) {
			b.Fatal("offer")
		}
		var received mlkem1024.PublicKey
		if err := received.Unpack(offer[101:1669]); err != nil {
			b.Fatal(err)
		}
		answer := make([]byte, 1701+SignatureSize)
		secret, seed := make([]byte, 32), make([]byte, 32)
		rand.Read(seed)
		received.EncapsulateTo(answer[133:1701], secret, seed)
		if err := mldsa87.SignTo(signing, answer[:1701], []byte(contextAnswer), true, answer[1701:]); err != nil {
			b.Fatal(err)
		}
		if !mldsa87.Verify(verifying, answer[:1701], []byte(contextAnswer), answer[1701:]) {
			b.Fatal("answer")
		}
		sk.DecapsulateTo(secret, answer[133:1701])
	})
}

const perTurn = 256 // packets, so that reading the clock does not count

// BenchmarkPackets is what a packet takes beside its tag or cipher alone.
func BenchmarkPackets(b *testing.B) {
	for _, size := range []int{20, 100, 255} {
		payload := make([]byte, size)
		v, g := openPair(b, "bench")
		s := v.Sender(Address{1, 1})
		key := make([]byte, keySize)
		mac := keccak.NewHMAC(key)
		cipher, err := chacha20poly1305.New(key)
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 0, 512)
		plain := make([]byte, packetHead+size)
		nonce := make([]byte, 12)
		name := func(s string) string { return fmt.Sprintf("%s/%d", s, size) }
		each := func(f func(i int)) func() {
			return func() {
				for i := range perTurn {
					f(i)
				}
			}
		}
		b.Run(name("tag"), func(b *testing.B) {
			beside(b, perTurn, nil, each(func(int) { s.Tag(buf, payload) }), each(func(int) { mac.Tag(plain) }))
		})
		b.Run(name("seal"), func(b *testing.B) {
			beside(b, perTurn, nil, each(func(int) { s.Seal(buf, payload) }), each(func(i int) {
				binary.LittleEndian.PutUint64(nonce[4:], uint64(i))
				cipher.Seal(buf, nonce, payload, plain[:packetHead])
			}))
		})
		packets := make([][]byte, perTurn)
		opened, errs := make([]Packet, perTurn), make([]error, perTurn)
		fresh := func(b *testing.B, make maker) func() {
			return func() {
				for i := range packets {
					packets[i] = must(make(packets[i][:0], payload))(b)
				}
			}
		}
		messages, tags, ok := make([][]byte, perTurn), make([][]byte, perTurn), make([]bool, perTurn)
		ciphertexts := make([][]byte, perTurn)
		for i := range messages {
			messages[i] = append([]byte{}, plain...)
			tag := mac.Tag(messages[i])
			tags[i] = tag[:]
			binary.LittleEndian.PutUint64(nonce[4:], uint64(i))
			ciphertexts[i] = cipher.Seal(nil, nonce, payload, plain[:packetHead])
		}
		open := func(b *testing.B) {
			for i, p := range packets {
				if opened[i], errs[i] = g.Open(buf, p); errs[i] != nil {
					b.Fatal(errs[i])
				}
			}
		}
		b.Run(name("check"), func(b *testing.B) {
			beside(b, perTurn, fresh(b, s.Tag), func() { open(b) }, each(func(i int) { mac.Verify(messages[i], tags[i]) }))
		})
		b.Run(name("check-all"), func(b *testing.B) {
			beside(b, perTurn, fresh(b, s.Tag), func() { g.OpenAll(packets, opened, errs) }, func() { mac.VerifyAll(ok, messages, tags) })
		})
		b.Run(name("open"), func(b *testing.B) {
			beside(b, perTurn, fresh(b, s.Seal), func() { open(b) }, each(func(i int) {
				binary.LittleEndian.PutUint64(nonce[4:], uint64(i))
				if _, err := cipher.Open(buf, nonce, ciphertexts[i], plain[:packetHead]); err != nil {
					b.Fatal(err)
				}
			}))
		})
	}
}

// BenchmarkPacketFlood is what forged and replayed packets cost a receiver, each, of the
// processor.
func BenchmarkPacketFlood(b *testing.B) {
	v, g := openPair(b, "flood")
	one := func(name string, packet []byte, want error) {
		b.Run(name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			start := cpuTime()
			for b.Loop() {
				if _, err := g.Open(nil, packet); err != want {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime()-start).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
	}
	packet := must(v.Sender(Address{1, 1}).Tag(nil, make([]byte, 100)))(b)
	must(g.Open(nil, packet))(b)
	one("replayed", packet, ErrPacketReplayed)
	forged := must(v.Sender(Address{1, 1}).Tag(nil, make([]byte, 100)))(b)
	forged[20] ^= 1
	one("forged", forged, ErrPacketForged)
	forged[atPacketSystem] = 99
	one("spoofed", forged, ErrPacketForged)
	forged[atPacketSession] ^= 1
	one("foreign", forged, ErrPacketSession)
}
