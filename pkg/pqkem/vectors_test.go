package pqkem

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"

	"cqkit/pkg/internal/avx"
)

// The vectors lie beside the repository; ../../../shared/data/vectors/MANIFEST.md says
// where each comes from.
func openVectors(t *testing.T, name string) io.Reader {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "vectors", filepath.FromSlash(name))
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		t.Skipf("the shared vectors are not beside this checkout: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func loadVectors(t *testing.T, name string, v any) {
	t.Helper()
	z, err := gzip.NewReader(openVectors(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		t.Fatal(err)
	}
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// tally counts what was checked and what does not apply, by reason, so that
// nothing is left out silently: each test states the numbers it expects.
type tally map[string]int

const (
	checked     = "checked"
	whyExpanded = "check of an expanded decapsulation key: this package takes seeds only"
)

func (got tally) expect(t *testing.T, want tally) {
	t.Helper()
	for why, n := range got {
		if n != want[why] {
			t.Errorf("%d vectors %s, want %d", n, why, want[why])
		}
	}
	for why, n := range want {
		if got[why] != n {
			t.Errorf("%d vectors %s, want %d", got[why], why, n)
		}
		t.Logf("%3d %s", n, why)
	}
}

// encapsulate runs Encapsulate with m as what crypto/rand yields.
func encapsulate(p *PublicKey, m []byte) (secret, ciphertext []byte, err error) {
	before := rand.Reader
	rand.Reader = bytes.NewReader(m)
	defer func() { rand.Reader = before }()
	return p.Encapsulate()
}

// fromExpanded makes a key from the expanded form, which the package itself
// refuses to read, to use the vectors that have nothing else.
func fromExpanded(t *testing.T, dk []byte) *PrivateKey {
	t.Helper()
	avx.Enter()
	defer avx.Leave()
	sk := new(mlkem1024.PrivateKey)
	if err := sk.Unpack(dk); err != nil {
		t.Fatal(err)
	}
	return &PrivateKey{alg: MLKEM1024, hidden: hide(&secret{mlkem: sk})}
}

type acvp struct {
	TestGroups []struct {
		Function string
		Tests    []struct {
			TCID                  int `json:"tcId"`
			D, Z, Ek, Dk, M, C, K hexBytes
			TestPassed            bool
		}
	}
}

func TestACVPKeyGen(t *testing.T) {
	var v acvp
	loadVectors(t, "acvp/ML-KEM-1024-keyGen.json.gz", &v)
	got := tally{}
	for _, g := range v.TestGroups {
		for _, c := range g.Tests {
			checkKey(t, append(c.D, c.Z...), c.Ek, c.Dk)
			got[checked]++
		}
	}
	got.expect(t, tally{checked: 13})
}

func checkKey(t *testing.T, seed, ek, dk []byte) *PrivateKey {
	t.Helper()
	k, err := NewPrivateKey(MLKEM1024, seed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(k.Public().Bytes(), ek) || dk != nil && !bytes.Equal(k.ExpandedMLKEM(), dk) {
		t.Errorf("seed %x: another key", seed)
	}
	if !bytes.Equal(k.Seed(), seed) {
		t.Errorf("seed %x, want %x", k.Seed(), seed)
	}
	return k
}

func TestACVPEncapDecap(t *testing.T) {
	var v acvp
	loadVectors(t, "acvp/ML-KEM-1024-encapDecap.json.gz", &v)
	got := tally{}
	for _, g := range v.TestGroups {
		for _, c := range g.Tests {
			switch g.Function {
			case "encapsulation":
				p, err := ParsePublicKey(MLKEM1024, c.Ek)
				if err != nil {
					t.Fatal(err)
				}
				secret, ct, err := encapsulate(p, c.M)
				if err != nil || !bytes.Equal(secret, c.K) || !bytes.Equal(ct, c.C) {
					t.Errorf("tcId %d: another secret or ciphertext (%v)", c.TCID, err)
				}
			case "decapsulation":
				secret, err := fromExpanded(t, c.Dk).Decapsulate(c.C)
				if err != nil || !bytes.Equal(secret, c.K) {
					t.Errorf("tcId %d: another secret (%v)", c.TCID, err)
				}
			case "encapsulationKeyCheck":
				if _, err := ParsePublicKey(MLKEM1024, c.Ek); (err == nil) != c.TestPassed {
					t.Errorf("tcId %d: %v, want passed %v", c.TCID, err, c.TestPassed)
				}
			case "decapsulationKeyCheck":
				got[whyExpanded]++
				continue
			default:
				t.Fatalf("function %q", g.Function)
			}
			got[checked]++
		}
	}
	got.expect(t, tally{checked: 23, whyExpanded: 5})
}

type wycheproof struct {
	TestGroups []struct {
		Tests []struct {
			TCID                    int `json:"tcId"`
			Comment                 string
			Flags                   []string
			Seed, Ek, Dk, M, C, K   hexBytes
			Public, Private, Shared hexBytes
			Result                  string
		}
	}
}

func TestWycheproofKeyGen(t *testing.T) {
	var v wycheproof
	loadVectors(t, "wycheproof/mlkem_1024_keygen_seed.json.gz", &v)
	got := tally{}
	for _, g := range v.TestGroups {
		for _, c := range g.Tests {
			if c.Result != "valid" {
				t.Fatalf("tcId %d: %s", c.TCID, c.Result)
			}
			checkKey(t, c.Seed, c.Ek, c.Dk)
			got[checked]++
		}
	}
	got.expect(t, tally{checked: 50})
}

func TestWycheproofDecapsulate(t *testing.T) {
	var v wycheproof
	loadVectors(t, "wycheproof/mlkem_1024.json.gz", &v)
	got := tally{}
	for _, g := range v.TestGroups {
		for _, c := range g.Tests {
			got[checked]++
			k, err := NewPrivateKey(MLKEM1024, c.Seed)
			var secret []byte
			if err == nil {
				secret, err = k.Decapsulate(c.C)
			}
			if c.Result == "invalid" {
				if err == nil {
					t.Errorf("tcId %d (%s): accepted", c.TCID, c.Comment)
				}
				continue
			}
			if err != nil || !bytes.Equal(secret, c.K) || !bytes.Equal(k.Public().Bytes(), c.Ek) {
				t.Errorf("tcId %d (%s): another secret or key (%v)", c.TCID, c.Comment, err)
			}
		}
	}
	got.expect(t, tally{checked: 97})
}

func TestWycheproofSemiExpanded(t *testing.T) {
	var v wycheproof
	loadVectors(t, "wycheproof/mlkem_1024_semi_expanded_decaps.json.gz", &v)
	got := tally{}
	for _, g := range v.TestGroups {
		for _, c := range g.Tests {
			if slices.Contains(c.Flags, "InvalidDecapsulationKey") || slices.Contains(c.Flags, "IncorrectDecapsulationKeyLength") {
				got[whyExpanded]++
				continue
			}
			got[checked]++
			secret, err := fromExpanded(t, c.Dk).Decapsulate(c.C)
			if (err == nil) != (c.Result == "valid") || !bytes.Equal(secret, c.K) {
				t.Errorf("tcId %d (%s): secret %x, %v; want %x", c.TCID, c.Comment, secret, err, c.K)
			}
		}
	}
	got.expect(t, tally{checked: 3, whyExpanded: 2})
}

func TestWycheproofEncapsulate(t *testing.T) {
	var v wycheproof
	loadVectors(t, "wycheproof/mlkem_1024_encaps.json.gz", &v)
	got := tally{}
	for _, g := range v.TestGroups {
		for _, c := range g.Tests {
			got[checked]++
			p, err := ParsePublicKey(MLKEM1024, c.Ek)
			if c.Result == "invalid" {
				if err == nil {
					t.Errorf("tcId %d (%s): accepted", c.TCID, c.Comment)
				}
				continue
			}
			if err != nil {
				t.Errorf("tcId %d (%s): %v", c.TCID, c.Comment, err)
				continue
			}
			secret, ct, err := encapsulate(p, c.M)
			if err != nil || !bytes.Equal(secret, c.K) || !bytes.Equal(ct, c.C) {
				t.Errorf("tcId %d (%s): another secret or ciphertext (%v)", c.TCID, c.Comment, err)
			}
		}
	}
	got.expect(t, tally{checked: 134})
}

// TestWycheproofX25519 runs the X25519 vectors through the hybrid: the public
// value as the front of a ciphertext, the secret as the front of the secret.
func TestWycheproofX25519(t *testing.T) {
	var v wycheproof
	loadVectors(t, "wycheproof/x25519.json.gz", &v)
	mlkem, err := NewPrivateKey(MLKEM1024, make([]byte, MLKEM1024SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	inner, ct, err := mlkem.Public().Encapsulate()
	if err != nil {
		t.Fatal(err)
	}
	got := tally{}
	for _, g := range v.TestGroups {
		for _, c := range g.Tests {
			got[checked]++
			k, err := NewPrivateKey(X25519MLKEM1024, append(c.Private, make([]byte, MLKEM1024SeedSize)...))
			if err != nil {
				t.Fatalf("tcId %d: %v", c.TCID, err)
			}
			secret, err := k.Decapsulate(append(c.Public, ct...))
			if slices.Contains(c.Flags, "ZeroSharedSecret") {
				if !errors.Is(err, ErrRefused) {
					t.Errorf("tcId %d (%s): %v, want %v", c.TCID, c.Comment, err, ErrRefused)
				}
				continue
			}
			if err != nil || !bytes.Equal(secret, append(c.Shared, inner...)) {
				t.Errorf("tcId %d (%s): another secret (%v)", c.TCID, c.Comment, err)
			}
		}
	}
	got.expect(t, tally{checked: 259})
}

// TestCCTV uses what the two CCTV files state about encapsulation. Their key
// generation is that of the draft of FIPS 203, ρ ‖ σ = G(d); the standard has
// G(d ‖ k), so no seed of ours gives their key. The test shows that this is why.
func TestCCTV(t *testing.T) {
	for _, name := range []string{"intermediate", "unluckysample"} {
		t.Run(name, func(t *testing.T) {
			text, err := io.ReadAll(openVectors(t, "cctv/ML-KEM-1024-"+name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			v := map[string][]byte{}
			for line := range strings.Lines(string(text)) {
				if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
					if b, err := hex.DecodeString(value); err == nil {
						v[name] = b
					}
				}
			}
			draft, final := sha3.Sum512(v["d"]), sha3.Sum512(append(v["d"], 4))
			rho := v["ek"][MLKEM1024PublicKeySize-32:]
			if !bytes.Equal(rho, draft[:32]) || bytes.Equal(rho, final[:32]) {
				t.Error("the key is not that of the draft: check the seed as well")
			}
			p, err := ParsePublicKey(MLKEM1024, v["ek"])
			if err != nil {
				t.Fatal(err)
			}
			secret, ct, err := encapsulate(p, v["m"])
			if err != nil || !bytes.Equal(secret, v["K"]) || !bytes.Equal(ct, v["c"]) {
				t.Errorf("another secret or ciphertext (%v)", err)
			}
			if secret, err = fromExpanded(t, v["dk"]).Decapsulate(v["c"]); err != nil || !bytes.Equal(secret, v["K"]) {
				t.Errorf("another secret (%v)", err)
			}
		})
	}
}
