package pqsig

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"cqkit/pkg/internal/avx"
)

// The vectors lie beside the repository; ../../../shared/data/vectors/MANIFEST.md says
// where each comes from.
func loadVectors(t *testing.T, name string, v any) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "data", "vectors", filepath.FromSlash(name))
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		t.Skipf("the shared vectors are not beside this checkout: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
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

const checked = "checked"

// These are the reasons for which a vector does not apply to this package.
const (
	whyPreHash  = "pre-hashed variant: cqkit signs the message itself"
	whyInternal = "internal interface: takes M' or μ, which no caller of this package can pass"
	whyExpanded = "expanded private key of the wrong length or out of range: this package takes seeds only"
	whyShort    = "slow, left out by -short"
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

// withRandom makes rnd the next bytes that crypto/rand yields, so that hedged
// vectors check the production path.
func withRandom(t *testing.T, rnd []byte, f func()) {
	t.Helper()
	before := rand.Reader
	r := bytes.NewReader(rnd)
	rand.Reader = r
	defer func() { rand.Reader = before }()
	f()
	if r.Len() != 0 {
		t.Errorf("signing left %d of %d random bytes", r.Len(), len(rnd))
	}
}

// fromExpanded makes a key from the expanded form, which the package itself
// refuses to read, to use the vectors that have nothing else.
func fromExpanded(t *testing.T, alg Algorithm, sk []byte) *PrivateKey {
	t.Helper()
	if alg == SLHDSASHA2256s {
		k, err := NewPrivateKey(alg, sk)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	avx.Enter()
	defer avx.Leave()
	m := new(mldsa87.PrivateKey)
	if err := m.UnmarshalBinary(sk); err != nil {
		t.Fatal(err)
	}
	pk, err := ParsePublicKey(alg, m.Public().(*mldsa87.PublicKey).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return &PrivateKey{alg: alg, public: pk, hidden: hide(&secret{mldsa: m})}
}

func TestACVPKeyGen(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA87, SLHDSASHA2256s} {
		t.Run(alg.String(), func(t *testing.T) {
			var v struct {
				TestGroups []struct {
					Tests []struct {
						TCID                        int `json:"tcId"`
						Seed, SkSeed, SkPrf, PkSeed hexBytes
						Sk, Pk                      hexBytes
					}
				}
			}
			loadVectors(t, "acvp/"+alg.String()+"-keyGen.json.gz", &v)
			got := tally{}
			for _, g := range v.TestGroups {
				for _, c := range g.Tests {
					seed := c.Seed
					if alg == SLHDSASHA2256s {
						seed = bytes.Join([][]byte{c.SkSeed, c.SkPrf, c.PkSeed}, nil)
					}
					k, err := NewPrivateKey(alg, seed)
					if err != nil {
						t.Fatalf("tcId %d: %v", c.TCID, err)
					}
					if !bytes.Equal(k.Public().Bytes(), c.Pk) || !bytes.Equal(k.Expanded(), c.Sk) {
						t.Errorf("tcId %d: another key", c.TCID)
					}
					if !bytes.Equal(k.Seed(), seed) {
						t.Errorf("tcId %d: seed %x, want %x", c.TCID, k.Seed(), seed)
					}
					got[checked]++
				}
			}
			got.expect(t, map[Algorithm]tally{MLDSA87: {checked: 13}, SLHDSASHA2256s: {checked: 5}}[alg])
		})
	}
}

type acvpSig struct {
	TestGroups []struct {
		Deterministic      bool
		SignatureInterface string
		PreHash            string
		Tests              []struct {
			TCID                 int `json:"tcId"`
			Sk, Pk, Message      hexBytes
			Context, Signature   hexBytes
			Rnd                  hexBytes
			AdditionalRandomness hexBytes
			TestPassed           bool
		}
	}
}

func TestACVPSigGen(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA87, SLHDSASHA2256s} {
		t.Run(alg.String(), func(t *testing.T) {
			var v acvpSig
			loadVectors(t, "acvp/"+alg.String()+"-sigGen.json.gz", &v)
			got := tally{}
			for _, g := range v.TestGroups {
				for i, c := range g.Tests {
					switch {
					case g.SignatureInterface != "external":
						got[whyInternal]++
						continue
					case g.PreHash != "pure":
						got[whyPreHash]++
						continue
					case alg == SLHDSASHA2256s && testing.Short() && i > 0:
						got[whyShort]++
						continue
					}
					k := fromExpanded(t, alg, c.Sk)
					var sig []byte
					var err error
					if g.Deterministic {
						sig, err = k.SignDeterministic(c.Message, string(c.Context))
					} else {
						withRandom(t, append(c.Rnd, c.AdditionalRandomness...), func() {
							sig, err = k.Sign(c.Message, string(c.Context))
						})
					}
					if err != nil || !bytes.Equal(sig, c.Signature) {
						t.Errorf("tcId %d: another signature (%v)", c.TCID, err)
					}
					if err := k.Public().Verify(c.Message, string(c.Context), c.Signature); err != nil {
						t.Errorf("tcId %d: %v", c.TCID, err)
					}
					got[checked]++
				}
			}
			want := map[Algorithm]tally{
				MLDSA87:        {checked: 16, whyPreHash: 14, whyInternal: 30},
				SLHDSASHA2256s: {checked: 6, whyPreHash: 6},
			}[alg]
			if alg == SLHDSASHA2256s && testing.Short() {
				want = tally{checked: 2, whyShort: 4, whyPreHash: 6}
			}
			got.expect(t, want)
		})
	}
}

func TestACVPSigVer(t *testing.T) {
	for _, alg := range []Algorithm{MLDSA87, SLHDSASHA2256s} {
		t.Run(alg.String(), func(t *testing.T) {
			var v acvpSig
			loadVectors(t, "acvp/"+alg.String()+"-sigVer.json.gz", &v)
			got := tally{}
			for _, g := range v.TestGroups {
				for _, c := range g.Tests {
					switch {
					case g.SignatureInterface != "external":
						got[whyInternal]++
						continue
					case g.PreHash != "pure":
						got[whyPreHash]++
						continue
					}
					p, err := ParsePublicKey(alg, c.Pk)
					if err != nil {
						t.Fatalf("tcId %d: %v", c.TCID, err)
					}
					if err := p.Verify(c.Message, string(c.Context), c.Signature); (err == nil) != c.TestPassed {
						t.Errorf("tcId %d: %v, want passed %v", c.TCID, err, c.TestPassed)
					}
					got[checked]++
				}
			}
			got.expect(t, map[Algorithm]tally{
				MLDSA87:        {checked: 8, whyPreHash: 7, whyInternal: 15},
				SLHDSASHA2256s: {checked: 4, whyPreHash: 4},
			}[alg])
		})
	}
}

type wycheproof struct {
	TestGroups []struct {
		PrivateSeed, PrivateKey, PublicKey hexBytes
		Tests                              []struct {
			TCID          int `json:"tcId"`
			Comment       string
			Msg, Ctx, Sig hexBytes
			Mu, Rnd       *hexBytes
			Result        string
			Flags         []string
		}
	}
}

func TestWycheproofSign(t *testing.T) {
	want := map[string]tally{
		"seed":   {checked: 40, whyInternal: 8},
		"noseed": {checked: 28, whyInternal: 5, whyExpanded: 2},
	}
	for _, kind := range []string{"seed", "noseed"} {
		t.Run(kind, func(t *testing.T) {
			var v wycheproof
			loadVectors(t, "wycheproof/mldsa_87_sign_"+kind+".json.gz", &v)
			got := tally{}
			for _, g := range v.TestGroups {
				for _, c := range g.Tests {
					name := fmt.Sprintf("tcId %d (%s)", c.TCID, c.Comment)
					if slices.Contains(c.Flags, "Internal") {
						got[whyInternal]++
						continue
					}
					if kind == "noseed" && (slices.Contains(c.Flags, "InvalidPrivateKey") ||
						slices.Contains(c.Flags, "IncorrectPrivateKeyLength")) {
						if _, err := NewPrivateKey(MLDSA87, g.PrivateKey); err == nil {
							t.Errorf("%s: accepted", name)
						}
						got[whyExpanded]++
						continue
					}
					var k *PrivateKey
					if kind == "noseed" {
						k = fromExpanded(t, MLDSA87, g.PrivateKey)
					} else {
						var err error
						if k, err = NewPrivateKey(MLDSA87, g.PrivateSeed); err != nil {
							if c.Result != "invalid" {
								t.Errorf("%s: %v", name, err)
							}
							got[checked]++
							continue
						}
					}
					var sig []byte
					var err error
					if c.Rnd != nil {
						withRandom(t, *c.Rnd, func() { sig, err = k.Sign(c.Msg, string(c.Ctx)) })
					} else {
						sig, err = k.SignDeterministic(c.Msg, string(c.Ctx))
					}
					if c.Result == "invalid" {
						if err == nil {
							t.Errorf("%s: signed", name)
						}
					} else if err != nil || !bytes.Equal(sig, c.Sig) {
						t.Errorf("%s: another signature (%v)", name, err)
					}
					got[checked]++
				}
			}
			got.expect(t, want[kind])
		})
	}
}

func TestWycheproofVerify(t *testing.T) {
	var v wycheproof
	loadVectors(t, "wycheproof/mldsa_87_verify.json.gz", &v)
	got := tally{}
	for _, g := range v.TestGroups {
		p, parseErr := ParsePublicKey(MLDSA87, g.PublicKey)
		for _, c := range g.Tests {
			err := parseErr
			if err == nil {
				err = p.Verify(c.Msg, string(c.Ctx), c.Sig)
			}
			if (err == nil) != (c.Result == "valid") {
				t.Errorf("tcId %d (%s): %v, want %s", c.TCID, c.Comment, err, c.Result)
			}
			got[checked]++
		}
	}
	got.expect(t, tally{checked: 121})
}
