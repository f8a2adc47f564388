package aead

import (
	"bytes"
	"compress/gzip"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"cqkit/pkg/internal/avx"
)

// The vectors lie beside the repository; ../../../shared/data/vectors/MANIFEST.md says
// where each comes from.
func openVectors(t *testing.T, name string) io.Reader {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "vectors", filepath.FromSlash(name)))
	if os.IsNotExist(err) {
		t.Skipf("the shared vectors are not beside this checkout: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// TestWycheproof reads each nonce of 12 bytes as a prefix and a counter.
func TestWycheproof(t *testing.T) {
	z, err := gzip.NewReader(openVectors(t, "wycheproof/chacha20_poly1305.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		TestGroups []struct {
			Tests []struct {
				TcID                       int
				Key, IV, AAD, Msg, CT, Tag hexBytes
				Result                     string
			}
		}
	}
	if err := json.NewDecoder(z).Decode(&file); err != nil {
		t.Fatal(err)
	}
	valid, invalid, otherNonce := 0, 0, 0
	for _, group := range file.TestGroups {
		for _, v := range group.Tests {
			if len(v.IV) != chacha20poly1305.NonceSize {
				otherNonce++
				continue
			}
			k := New((*[KeySize]byte)(v.Key), binary.LittleEndian.Uint32(v.IV))
			counter := binary.LittleEndian.Uint64(v.IV[4:])
			sealed := append(bytes.Clone(v.CT), v.Tag...)
			got, err := k.Open(nil, counter, v.AAD, sealed)
			if v.Result != "valid" {
				invalid++
				if !errors.Is(err, ErrOpen) || got != nil {
					t.Errorf("%d: opened, %v", v.TcID, err)
				}
				continue
			}
			valid++
			if err != nil || !bytes.Equal(got, v.Msg) {
				t.Errorf("%d: Open = %x, %v, want %x", v.TcID, got, err, v.Msg)
			}
			if got := k.Seal(nil, counter, v.AAD, v.Msg); !bytes.Equal(got, sealed) {
				t.Errorf("%d: Seal = %x, want %x", v.TcID, got, sealed)
			}
		}
	}
	if valid < 100 || invalid < 20 {
		t.Errorf("%d valid and %d invalid vectors", valid, invalid)
	}
	t.Logf("%d valid, %d invalid, %d with nonces of another length, which Key cannot make", valid, invalid, otherNonce)
}

// TestCleitonQ checks the order of the nonce's bytes against CleitonQ's sealed packets,
// which are counter ‖ ciphertext ‖ tag.
func TestCleitonQ(t *testing.T) {
	var file struct {
		Sealed []struct {
			Domain          string
			Payload, Packet hexBytes
			SealKey         hexBytes `json:"seal_key"`
			Counter         string
		}
	}
	if err := json.NewDecoder(openVectors(t, "cleitonq/derived.json")).Decode(&file); err != nil {
		t.Fatal(err)
	}
	prefixes := map[string]uint32{"c2": 0x434C5132, "telemetry": 0x434C5154, "mesh": 0x434C514D, "custom": 0x434C5155}
	if len(file.Sealed) == 0 {
		t.Fatal("no vectors")
	}
	for i, v := range file.Sealed {
		prefix, ok := prefixes[v.Domain]
		if !ok {
			t.Logf("domain %q", v.Domain)
			prefix = prefixes["custom"]
		}
		k := New((*[KeySize]byte)(v.SealKey), prefix)
		aad := v.Packet[:8]
		counter := binary.LittleEndian.Uint64(aad)
		if fmt.Sprint(counter) != v.Counter {
			t.Errorf("%d: counter %d, want %s", i, counter, v.Counter)
		}
		if got := k.Seal(bytes.Clone(aad), counter, aad, v.Payload); !bytes.Equal(got, v.Packet) {
			t.Errorf("%d (%s): Seal = %x, want %x", i, v.Domain, got, v.Packet)
		}
		if got, err := k.Open(nil, counter, aad, v.Packet[8:]); err != nil || !bytes.Equal(got, v.Payload) {
			t.Errorf("%d (%s): Open = %x, %v", i, v.Domain, got, err)
		}
	}
}

func testKey(name string) *[KeySize]byte {
	sum := sha3.Sum256([]byte(name))
	return &sum
}

// TestMangled changes everything an opener is given, a bit at a time.
func TestMangled(t *testing.T) {
	const counter = 0x0102030405060708
	k := New(testKey("mangled"), 7)
	aad, plaintext := []byte("additional"), []byte("what is sealed")
	sealed := k.Seal(nil, counter, aad, plaintext)
	refuse := func(what string, k *Key, counter uint64, aad, sealed []byte) {
		t.Helper()
		if got, err := k.Open(nil, counter, aad, sealed); !errors.Is(err, ErrOpen) || got != nil {
			t.Errorf("%s: Open = %x, %v", what, got, err)
		}
	}
	for i := range 8 * len(sealed) {
		changed := bytes.Clone(sealed)
		changed[i/8] ^= 1 << (i % 8)
		refuse(fmt.Sprintf("bit %d", i), k, counter, aad, changed)
	}
	for i := range 8 * len(aad) {
		changed := bytes.Clone(aad)
		changed[i/8] ^= 1 << (i % 8)
		refuse(fmt.Sprintf("bit %d of the additional data", i), k, counter, changed, sealed)
	}
	for i := range 64 {
		refuse(fmt.Sprintf("bit %d of the counter", i), k, counter^1<<i, aad, sealed)
	}
	for i := range 32 {
		refuse(fmt.Sprintf("bit %d of the prefix", i), New(testKey("mangled"), 7^1<<i), counter, aad, sealed)
	}
	for n := range sealed {
		refuse(fmt.Sprintf("cut at %d", n), k, counter, aad, sealed[:n])
	}
	refuse("another key", New(testKey("another"), 7), counter, aad, sealed)
	if got, err := k.Open(nil, counter, aad, sealed); err != nil || !bytes.Equal(got, plaintext) {
		t.Errorf("unchanged: %q, %v", got, err)
	}
	nonce := []byte{7, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1}
	if got, err := k.OpenNonce(nil, nonce, aad, sealed); err != nil || !bytes.Equal(got, plaintext) {
		t.Errorf("with the nonce in memory: %q, %v", got, err)
	}
	if got := k.SealNonce(nil, nonce, aad, plaintext); !bytes.Equal(got, sealed) {
		t.Errorf("with the nonce in memory: %x", got)
	}
	nonce[0]++
	if got, err := k.OpenNonce(nil, nonce, aad, sealed); !errors.Is(err, ErrOpen) || got != nil {
		t.Errorf("another nonce: %q, %v", got, err)
	}
}

// TestInPlace seals and opens where the bytes already are, after what dst holds.
func TestInPlace(t *testing.T) {
	k := New(testKey("place"), 0)
	buf := make([]byte, 4, 64)
	copy(buf, "head")
	text := append(buf[4:4], "in place"...)
	sealed := k.Seal(buf, math.MaxUint64, nil, text)
	if &sealed[0] != &buf[0] || string(sealed[:4]) != "head" || len(sealed) != 4+8+Overhead {
		t.Fatalf("sealed %q", sealed)
	}
	opened, err := k.Open(sealed[:4], math.MaxUint64, nil, sealed[4:])
	if err != nil || string(opened) != "headin place" || &opened[0] != &buf[0] {
		t.Errorf("opened %q, %v", opened, err)
	}
}

func TestPrintsNoKey(t *testing.T) {
	k := New(testKey("printed"), 0x41)
	secret := testKey("printed")[:4]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		for _, v := range []any{k, *k, []*Key{k}, struct{ k *Key }{k}} {
			got := fmt.Sprintf(verb, v)
			for _, form := range []string{"%d %d %d %d", "%02x%02x%02x%02x", "0x%x, 0x%x, 0x%x, 0x%x"} {
				if strings.Contains(got, fmt.Sprintf(form, secret[0], secret[1], secret[2], secret[3])) {
					t.Errorf("%s of %T: %s", verb, v, got)
				}
			}
		}
	}
	if got := fmt.Sprintf("%#v", *k); got != "ChaCha20-Poly1305 key" {
		t.Error(got)
	}
}

func TestAllocatesNothing(t *testing.T) {
	k := New(testKey("allocations"), 1)
	plain, buf := make([]byte, 100), make([]byte, 0, 128)
	sealed := k.Seal(nil, 1, nil, plain)
	for name, call := range map[string]func(){
		"Seal": func() { k.Seal(buf, 1, nil, plain) },
		"Open": func() { k.Open(buf, 1, nil, sealed) },
	} {
		if n := testing.AllocsPerRun(100, call); n >= 1 && !raceDetector {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// TestVectorStateIsClean asks the processor whether the upper halves of the vector
// registers are in use after each call; see package avx.
func TestVectorStateIsClean(t *testing.T) {
	k := New(testKey("registers"), 1)
	for _, size := range []int{0, 16, 100, 280, 1000, 70_000} {
		plain := make([]byte, size)
		sealed := k.Seal(nil, 1, nil, plain)
		for name, call := range map[string]func(){
			"Seal":         func() { k.Seal(nil, 1, nil, plain) },
			"Open":         func() { k.Open(nil, 1, nil, sealed) },
			"Open refused": func() { k.Open(nil, 2, nil, sealed) },
		} {
			dirty, ok := avx.Dirty(call)
			if !ok {
				t.Skip("this processor does not tell which registers are in use")
			}
			if dirty {
				t.Errorf("%s of %d bytes leaves the upper halves dirty", name, size)
			}
		}
	}
}
