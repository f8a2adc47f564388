//go:build linux

// Package wire measures what signed commands, packets and sessions cost beside the
// libraries that do the cryptography, called directly.
package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha3"
	"flag"
	"fmt"
	"hash"
	"runtime"
	"slices"
	"testing"
	"time"

	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/sys/unix"
)

var costRounds = flag.Int("costs", 0, "rounds in which TestCosts measures everything in turn; 0 leaves it out")

// A cost is what is measured: ours, and the same work by the library alone.
type cost struct {
	name        string
	batch       int          // packets in one call of ours
	ours, alone func() error // alone may be nil
	a, b        []float64    // ns, a round each
	calls       int          // in a round
}

// TestCosts measures all in turn, ours and the library's in one breath, and prints medians
// and the median of the ratios of a round.
func TestCosts(t *testing.T) {
	if *costRounds == 0 {
		t.Skip("takes minutes: -costs 200")
	}
	costs := all(t)
	for _, c := range costs {
		run(t, c.ours, 10) // what is done once only
		c.calls = 1
		for took := time.Duration(0); took < 2*time.Millisecond; {
			c.calls *= 2
			took = run(t, c.ours, c.calls)
		}
	}
	for range *costRounds {
		for _, c := range costs {
			n := float64(c.calls * c.batch)
			c.a = append(c.a, float64(run(t, c.ours, c.calls))/n)
			if c.alone != nil {
				c.b = append(c.b, float64(run(t, c.alone, c.calls))/float64(c.calls))
			}
		}
	}
	for _, c := range costs {
		line := fmt.Sprintf("%-36s %10.2f µs", c.name, median(c.a)/1000)
		if c.alone != nil {
			ratios := make([]float64, len(c.a))
			for i := range ratios {
				ratios[i] = c.a[i] / c.b[i]
			}
			line += fmt.Sprintf("  library alone %10.2f µs  ratio %.3f, of means %.3f", median(c.b)/1000, median(ratios), mean(c.a)/mean(c.b))
		}
		t.Log(line)
	}
}

// run returns the processor time that n calls take, which other work on the machine
// lengthens less than the time on the wall.
func run(t *testing.T, f func() error, n int) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := cpu(t)
	for range n {
		if err := f(); err != nil {
			t.Fatal(err)
		}
	}
	return cpu(t) - start
}

// cpu reads the clock of the thread.
func cpu(t *testing.T) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func all(t *testing.T) []*cost {
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var seed [2][mldsa87.SeedSize]byte
	seed[1][0] = 1
	ground, err := pqsig.NewPrivateKey(pqsig.MLDSA87, seed[0][:])
	must(err)
	vehicle, err := pqsig.NewPrivateKey(pqsig.MLDSA87, seed[1][:])
	must(err)
	public, private := mldsa87.NewKeyFromSeed(&seed[0])
	groundID, vehicleID := wire.FingerprintOf(ground.Public()), wire.FingerprintOf(vehicle.Public())

	command := wire.Command{
		Signer: groundID, Receiver: vehicleID, Session: wire.SessionID{1}, Nonce: 1,
		Source: wire.Address{System: 255, Component: 190}, Target: wire.Address{System: 1, Component: 1},
		ID: 76, Payload: append(append(make([]byte, 28), 144, 1, 1, 1), 1),
	}
	message, err := command.Sign(ground)
	must(err)
	statement := message[:len(message)-wire.SignatureSize]
	ctx := []byte("cqkit/command/v2")
	refused := fmt.Errorf("refused")

	sign := &cost{name: "command: sign", batch: 1, ours: func() error {
		_, err := command.Sign(ground)
		return err
	}, alone: func() error {
		var signature [mldsa87.SignatureSize]byte
		return mldsa87.SignTo(private, statement, ctx, true, signature[:])
	}}
	keys := wire.Keys(ground.Public())
	verify := &cost{name: "command: verify, key parsed", batch: 1, ours: func() error {
		_, err := wire.VerifyCommand(message, keys)
		return err
	}, alone: func() error {
		if !mldsa87.Verify(public, statement, ctx, message[len(statement):]) {
			return refused
		}
		return nil
	}}
	costs := []*cost{sign, verify, handshakes(ground, vehicle, groundID, vehicleID)}
	for _, size := range []int{20, 50, 100, 280} {
		costs = append(costs, packets(t, ground, vehicle, groundID, vehicleID, size)...)
	}
	return costs
}

// handshake runs a whole handshake.
func handshake(ground, vehicle *pqsig.PrivateKey, groundID, vehicleID wire.Fingerprint) (v, g *wire.Session, err error) {
	offering, err := wire.OfferSession(vehicle, vehicleID, ground.Public(), wire.MLKEM1024)
	if err != nil {
		return nil, nil, err
	}
	answering, err := wire.AnswerSession(ground, groundID, offering.Message(), vehicle.Public())
	if err != nil {
		return nil, nil, err
	}
	confirming, err := offering.Accept(answering.Message())
	if err != nil {
		return nil, nil, err
	}
	if g, err = answering.Accept(confirming.Message()); err != nil {
		return nil, nil, err
	}
	v, err = confirming.Accept(g.Confirmation())
	return v, g, err
}

func handshakes(ground, vehicle *pqsig.PrivateKey, groundID, vehicleID wire.Fingerprint) *cost {
	var seed [mldsa87.SeedSize]byte
	public, private := mldsa87.NewKeyFromSeed(&seed)
	statement, offer, transcript := make([]byte, 1700), make([]byte, wire.OfferSize(wire.MLKEM1024)), make([]byte, 2*wire.OfferSize(wire.MLKEM1024))
	return &cost{name: "session: whole handshake, both ends", batch: 1, ours: func() error {
		_, _, err := handshake(ground, vehicle, groundID, vehicleID)
		return err
	}, alone: func() error { // a key, two signatures, two verifications, a secret there and back, hashes at both ends
		var signature [mldsa87.SignatureSize]byte
		pub, priv, err := mlkem1024.GenerateKeyPair(rand.Reader)
		if err != nil {
			return err
		}
		packed, err := pub.MarshalBinary()
		if err != nil {
			return err
		}
		var received mlkem1024.PublicKey
		if err := received.Unpack(packed); err != nil {
			return err
		}
		var ct [mlkem1024.CiphertextSize]byte
		var one, two [mlkem1024.SharedKeySize]byte
		received.EncapsulateTo(ct[:], one[:], nil)
		priv.DecapsulateTo(two[:], ct[:])
		for range 2 {
			if err := mldsa87.SignTo(private, statement, nil, true, signature[:]); err != nil {
				return err
			}
			if !mldsa87.Verify(public, statement, nil, signature[:]) {
				return fmt.Errorf("refused")
			}
			sha3.Sum256(offer)
			sha3.Sum256(transcript)
		}
		return nil
	}}
}

func packets(t *testing.T, ground, vehicle *pqsig.PrivateKey, groundID, vehicleID wire.Fingerprint, size int) []*cost {
	v, g, err := handshake(ground, vehicle, groundID, vehicleID)
	if err != nil {
		t.Fatal(err)
	}
	sender := g.Sender(wire.Address{System: 255, Component: 190})
	payload := bytes.Repeat([]byte{7}, size)
	key := make([]byte, 32)
	mac := hmac.New(func() hash.Hash { return sha3.New256() }, key)
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		t.Fatal(err)
	}
	const many = 64
	var out, plain, sum []byte
	var nonce [chacha20poly1305.NonceSize]byte
	tagged, err := sender.Tag(nil, payload)
	if err != nil {
		t.Fatal(err)
	}
	covered := tagged[:len(tagged)-32]
	sealed := aead.Seal(nil, nonce[:], payload, covered[:15])
	batch, opened, errs := make([][]byte, many), make([]wire.Packet, many), make([]error, many)

	alone := func() error {
		mac.Reset()
		mac.Write(covered)
		sum = mac.Sum(sum[:0])
		return nil
	}
	name := func(what string) string { return fmt.Sprintf("packet of %d bytes: %s", size, what) }
	return []*cost{
		{name: name("tag"), batch: 1, ours: func() (err error) {
			out, err = sender.Tag(out[:0], payload)
			return err
		}, alone: alone},
		{name: name("tag and check"), batch: 1, ours: func() (err error) {
			if out, err = sender.Tag(out[:0], payload); err != nil {
				return err
			}
			_, err = v.Open(nil, out)
			return err
		}, alone: func() error { return joined(alone(), alone()) }},
		{name: name("tag, check four at a time"), batch: many, ours: func() (err error) {
			for i := range batch {
				if batch[i], err = sender.Tag(batch[i][:0], payload); err != nil {
					return err
				}
			}
			v.OpenAll(batch, opened, errs)
			return joined(errs...)
		}, alone: func() error { return joined(alone(), alone()) }},
		{name: name("seal"), batch: 1, ours: func() (err error) {
			out, err = sender.Seal(out[:0], payload)
			return err
		}, alone: func() error {
			out = aead.Seal(out[:0], nonce[:], payload, covered[:15])
			return nil
		}},
		{name: name("seal and open"), batch: 1, ours: func() (err error) {
			if out, err = sender.Seal(out[:0], payload); err != nil {
				return err
			}
			_, err = v.Open(plain[:0], out)
			return err
		}, alone: func() (err error) {
			out = aead.Seal(out[:0], nonce[:], payload, covered[:15])
			plain, err = aead.Open(plain[:0], nonce[:], sealed, covered[:15])
			return err
		}},
	}
}

func joined(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
