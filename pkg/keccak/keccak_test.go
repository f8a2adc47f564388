package keccak

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cqkit/pkg/internal/avx"
)

// both runs a test with and without the four lanes.
func both(t *testing.T, f func(t *testing.T)) {
	for _, c := range []struct {
		name string
		wide bool
	}{{"four lanes", true}, {"one", false}} {
		t.Run(c.name, func(t *testing.T) {
			was := wide
			defer func() { wide = was }()
			wide = c.wide
			f(t)
		})
	}
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func standardHMAC(key, message []byte) []byte {
	m := hmac.New(func() hash.Hash { return sha3.New256() }, key)
	m.Write(message)
	return m.Sum(nil)
}

// TestAgainstStandard hashes groups of messages of all lengths around block
// boundaries, mixed, beside crypto/sha3 and crypto/hmac.
func TestAgainstStandard(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for round := range 3000 {
			messages := make([][]byte, r.IntN(11))
			for i := range messages {
				n := r.IntN(300)
				if r.IntN(3) == 0 {
					n = BlockSize*r.IntN(4) + r.IntN(3)
				}
				if n > 0 || r.IntN(2) == 0 {
					messages[i] = randomBytes(r, n)
				}
			}
			key := randomBytes(r, r.IntN(200))
			sums := make([][Size]byte, len(messages))
			Sum256All(sums, messages)
			h := NewHMAC(key)
			tags := make([][Size]byte, len(messages))
			h.TagAll(tags, messages)
			for i, m := range messages {
				if want := sha3.Sum256(m); sums[i] != want {
					t.Fatalf("round %d, message %d of %d bytes: sum %x, want %x", round, i, len(m), sums[i], want)
				}
				want := standardHMAC(key, m)
				if !bytes.Equal(tags[i][:], want) {
					t.Fatalf("round %d, message %d of %d bytes: tag %x, want %x", round, i, len(m), tags[i], want)
				}
				if one := h.Tag(m); one != tags[i] {
					t.Fatalf("round %d, message %d: Tag %x, TagAll %x", round, i, one, tags[i])
				}
			}
		}
	})
}

func TestVerify(t *testing.T) {
	both(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		h := NewHMAC([]byte("key"))
		const n = 2*batch + 3
		messages, tags, ok := make([][]byte, n), make([][]byte, n), make([]bool, n)
		want := make([]bool, n)
		for i := range messages {
			messages[i] = randomBytes(r, r.IntN(280))
			tag := h.Tag(messages[i])
			tags[i] = tag[:]
			switch i % 5 {
			case 1:
				tags[i][r.IntN(Size)] ^= 1 << r.IntN(8)
			case 2:
				tags[i] = tags[i][:r.IntN(Size)]
			case 3:
				tags[i] = append(tags[i], 0)
			default:
				want[i] = true
			}
		}
		h.VerifyAll(ok, messages, tags)
		for i := range ok {
			if ok[i] != want[i] || h.Verify(messages[i], tags[i]) != want[i] {
				t.Errorf("message %d: VerifyAll %v, Verify %v, want %v", i, ok[i], h.Verify(messages[i], tags[i]), want[i])
			}
		}
	})
}

func TestConcurrent(t *testing.T) {
	h := NewHMAC([]byte("key"))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 5))
			for range 200 {
				messages := [][]byte{randomBytes(r, 20), randomBytes(r, 140), randomBytes(r, 280), nil, randomBytes(r, 50)}
				tags := make([][Size]byte, len(messages))
				h.TagAll(tags, messages)
				for i, m := range messages {
					if !bytes.Equal(tags[i][:], standardHMAC([]byte("key"), m)) {
						t.Errorf("goroutine %d: wrong tag", g)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestNoAllocations(t *testing.T) {
	h := NewHMAC([]byte("key"))
	messages := [][]byte{make([]byte, 100), make([]byte, 100), make([]byte, 100), make([]byte, 100), make([]byte, 100)}
	tags := make([][Size]byte, len(messages))
	given := make([][]byte, len(messages))
	for i := range given {
		given[i] = tags[i][:]
	}
	ok := make([]bool, len(messages))
	for name, call := range map[string]func(){
		"Tag":       func() { h.Tag(messages[0]) },
		"TagAll":    func() { h.TagAll(tags, messages) },
		"VerifyAll": func() { h.VerifyAll(ok, messages, given) },
		"Sum256All": func() { Sum256All(tags, messages) },
	} {
		if n := testing.AllocsPerRun(100, call); n >= 1 && !raceDetector {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestVectorStateIsClean(t *testing.T) {
	h := NewHMAC([]byte("key"))
	messages := make([][]byte, 4)
	tags := make([][Size]byte, 4)
	for name, call := range map[string]func(){
		"NewHMAC":   func() { NewHMAC([]byte("key")) },
		"TagAll":    func() { h.TagAll(tags, messages) },
		"Sum256All": func() { Sum256All(tags, messages) },
	} {
		dirty, ok := avx.Dirty(call)
		if !ok {
			t.Skip("this processor does not tell which registers are in use")
		}
		if dirty {
			t.Errorf("%s leaves the upper halves dirty", name)
		}
	}
}

// hexBytes is hexadecimal text in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// vectors reads a file of ../shared/data/vectors, and skips the test where there is none.
func vectors(t *testing.T, name string, v any) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "vectors", filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no ../shared beside the repository")
	} else if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestWycheproofHMAC(t *testing.T) {
	var file struct {
		TestGroups []struct {
			TagSize int
			Tests   []struct {
				TcID          int
				Key, Msg, Tag hexBytes
				Result        string
			}
		}
	}
	vectors(t, "wycheproof/hmac_sha3_256.json.gz", &file)
	both(t, func(t *testing.T) {
		n := 0
		for _, g := range file.TestGroups {
			for _, c := range g.Tests {
				tag := make([][Size]byte, 2)
				NewHMAC(c.Key).TagAll(tag, [][]byte{c.Msg, c.Msg})
				for _, tag := range tag {
					if got := bytes.Equal(tag[:g.TagSize/8], c.Tag); got != (c.Result == "valid") {
						t.Errorf("test %d: equal %v, want %s", c.TcID, got, c.Result)
					}
				}
				n++
			}
		}
		if n == 0 {
			t.Error("no tests in the file")
		}
	})
}

func TestACVP(t *testing.T) {
	type test struct {
		TcID, MacLen, Len int
		Key, Msg, Mac, Md hexBytes
	}
	var file struct {
		TestGroups []struct {
			TestType string
			Tests    []test
		}
	}
	each := func(t *testing.T, name string, f func(c test)) {
		file.TestGroups = nil
		vectors(t, name, &file)
		n := 0
		for _, g := range file.TestGroups {
			if g.TestType != "AFT" {
				continue // Monte Carlo and large data tests chain or repeat what these do once
			}
			for _, c := range g.Tests {
				f(c)
				n++
			}
		}
		if n == 0 {
			t.Errorf("%s: no tests", name)
		}
	}
	both(t, func(t *testing.T) {
		sums := make([][Size]byte, 3)
		each(t, "acvp/HMAC-SHA3-256.json.gz", func(c test) {
			NewHMAC(c.Key).TagAll(sums, [][]byte{c.Msg, c.Msg, c.Msg})
			for _, tag := range sums {
				if !bytes.Equal(tag[:c.MacLen/8], c.Mac) {
					t.Errorf("HMAC test %d: %x, want %x", c.TcID, tag, c.Mac)
				}
			}
		})
		each(t, "acvp/SHA3-256.json.gz", func(c test) {
			if c.Len%8 != 0 {
				return // not of whole bytes
			}
			m := c.Msg[:c.Len/8] // a message of length 0 is given as "00"
			Sum256All(sums, [][]byte{m, m, m})
			for _, sum := range sums {
				if !bytes.Equal(sum[:], c.Md) {
					t.Errorf("SHA3-256 test %d: %x, want %x", c.TcID, sum, c.Md)
				}
			}
		})
	})
}
