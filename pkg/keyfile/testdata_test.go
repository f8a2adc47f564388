package keyfile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/pqkem"
)

var update = flag.Bool("update", false, "write testdata/keys again")

var keyDir = filepath.Join("..", "..", "testdata", "keys")

const testPassphrase = "correct horse battery staple"

func testPass() ([]byte, error) { return []byte(testPassphrase), nil }

// testPrivate is the test key of a kind: its seed is SHA-256 in counter mode over a
// string that says what it is.
func testPrivate(tb testing.TB, kind Kind) *Private {
	tb.Helper()
	size := kinds[kind].sig.SeedSize() + kinds[kind].kem.SeedSize()
	var seed []byte
	for i := byte(0); len(seed) < size; i++ {
		sum := sha256.Sum256([]byte("cqkit test key, never use: " + kind.String() + string('0'+i)))
		seed = append(seed, sum[:]...)
	}
	k, err := fromSeed(kind, seed[:size])
	if err != nil {
		tb.Fatal(err)
	}
	k.Comments = Comments{Label: "test-" + kind.String(), Created: time.Date(2026, 11, 21, 2, 10, 0, 0, time.UTC)}
	return k
}

// protectCheaply is protect with few iterations and with the standard library
// alone: it saves tests their time and is a second implementation as well.
func protectCheaply(tb testing.TB, der []byte, pass string) []byte {
	tb.Helper()
	p := testEnvelope(nil)
	k := &p.Algorithm.Parameters.KDF.Parameters
	k.Iterations = 1000
	key, err := pbkdf2.Key(sha256.New, pass, k.Salt, k.Iterations, 32)
	if err != nil {
		tb.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		tb.Fatal(err)
	}
	pad := 16 - len(der)%16
	p.Encrypted = append(bytes.Clone(der), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, p.Algorithm.Parameters.Cipher.IV).CryptBlocks(p.Encrypted, p.Encrypted)
	return must(tb, p)
}

// cheaplyProtected is Marshal with protectCheaply for protect.
func cheaplyProtected(tb testing.TB, k *Private, pass string) []byte {
	tb.Helper()
	data, err := k.Marshal(PEM, nil)
	if err != nil {
		tb.Fatal(err)
	}
	d, err := decode(data)
	if err != nil {
		tb.Fatal(err)
	}
	d.typ = typeProtected
	for i := range d.blocks {
		d.blocks[i] = protectCheaply(tb, d.blocks[i], pass)
	}
	return d.marshal()
}

// A fixture is a file of testdata/keys.
type fixture struct {
	name   string
	make   func(tb testing.TB) []byte
	reason string // why it is refused; "" if it is not
	random bool   // another file each time it is made
}

func marshalPrivate(kind Kind, e Encoding, pass []byte) func(testing.TB) []byte {
	return func(tb testing.TB) []byte {
		b, err := testPrivate(tb, kind).Marshal(e, pass)
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
}

func marshalPublic(kind Kind, e Encoding) func(testing.TB) []byte {
	return func(tb testing.TB) []byte {
		b, err := testPrivate(tb, kind).Public().Marshal(e)
		if err != nil {
			tb.Fatal(err)
		}
		return b
	}
}

// blocks are PEM blocks of one type, without comments.
func blocks(typ string, ders ...[]byte) []byte {
	var out []byte
	for _, der := range ders {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})...)
	}
	return out
}

// good are the files that are read, one a form.
func good() []fixture {
	var all []fixture
	for _, kind := range Kinds() {
		name := "test-" + kind.String()
		all = append(all,
			fixture{name: name + ".key", make: marshalPrivate(kind, PEM, nil)},
			fixture{name: name + ".pub", make: marshalPublic(kind, PEM)},
			fixture{name: name + "-protected.key", make: marshalPrivate(kind, PEM, []byte(testPassphrase)), random: true})
		if kind.checkRaw() == nil {
			all = append(all,
				fixture{name: name + "-raw.key", make: marshalPrivate(kind, Raw, nil)},
				fixture{name: name + "-raw.pub", make: marshalPublic(kind, Raw)},
				fixture{name: name + "-both.key", make: func(tb testing.TB) []byte {
					seed, expanded := seedAndExpanded(tb, kind)
					return blocks(typePrivate, bothDER(tb, kind, seed, expanded))
				}})
		}
	}
	all = append(all, fixture{name: "test-kem-protected-1000.key", make: func(tb testing.TB) []byte {
		return cheaplyProtected(tb, testPrivate(tb, KEM), testPassphrase)
	}})
	return append(all, fixture{name: "test-sign-crlf.pub", make: func(tb testing.TB) []byte {
		return bytes.ReplaceAll(marshalPublic(Sign, PEM)(tb), []byte("\n"), []byte("\r\n"))
	}})
}

func seedAndExpanded(tb testing.TB, kind Kind) (seed, expanded []byte) {
	k := testPrivate(tb, kind)
	if k.sig != nil {
		return k.sig.Seed(), k.sig.Expanded()
	}
	return k.kem.Seed(), k.kem.ExpandedMLKEM()
}

func partOf(kind Kind) part {
	return map[Kind]part{Sign: partMLDSA, KEM: partMLKEM, Root: partSLH}[kind]
}

func must(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// pkcs8DER is a PrivateKeyInfo around inner.
func pkcs8DER(tb testing.TB, p part, inner []byte) []byte {
	return must(tb, privateKeyInfo{Algorithm: algorithmIdentifier{Algorithm: parts[p].oid}, PrivateKey: inner})
}

func bothDER(tb testing.TB, kind Kind, seed, expanded []byte) []byte {
	return pkcs8DER(tb, partOf(kind), must(tb, struct{ A, B []byte }{seed, expanded}))
}

func seedDER(tb testing.TB, p part, seed []byte) []byte {
	der, err := marshalPKCS8(p, seed)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

// spkiDER is a SubjectPublicKeyInfo of a key.
func spkiDER(tb testing.TB, a algorithmIdentifier, key asn1.BitString) []byte {
	return must(tb, struct {
		A algorithmIdentifier
		K asn1.BitString
	}{a, key})
}

func flip(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 1
	return b
}

// lengthen writes the outer length of a DER value in one byte more than it
// needs; inner lengths do not change.
func lengthen(der []byte) []byte {
	switch {
	case der[1] < 0x80:
		return append([]byte{der[0], 0x81}, der[1:]...)
	default:
		return append([]byte{der[0], der[1] + 1, 0}, der[2:]...)
	}
}

// indefinite writes the outer length of a BER value as indefinite.
func indefinite(der []byte) []byte {
	skip := 2
	if der[1] >= 0x80 {
		skip += int(der[1] & 0x7f)
	}
	return slices.Concat([]byte{der[0], 0x80}, der[skip:], []byte{0, 0})
}

// bad are the files that are refused, one a failure.
func bad() []fixture {
	sign := func(tb testing.TB) []byte { return testPrivate(tb, Sign).sig.Seed() }
	pub := func(tb testing.TB) []byte { return testPrivate(tb, Sign).Public().DER() }
	raw := func(tb testing.TB) asn1.BitString {
		b := testPrivate(tb, Sign).Public().sig.Bytes()
		return asn1.BitString{Bytes: b, BitLength: 8 * len(b)}
	}
	mldsa := algorithmIdentifier{Algorithm: parts[partMLDSA].oid}
	null := algorithmIdentifier{Algorithm: parts[partMLDSA].oid, Parameters: asn1.NullRawValue}
	text := func(old, new string) func(testing.TB) []byte {
		return func(tb testing.TB) []byte {
			b := marshalPublic(Sign, PEM)(tb)
			if !bytes.Contains(b, []byte(old)) {
				tb.Fatalf("no %q to replace", old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	block := func(typ string, f func(tb testing.TB) []byte) func(testing.TB) []byte {
		return func(tb testing.TB) []byte { return blocks(typ, f(tb)) }
	}
	two := func(typ string, f, g func(tb testing.TB) []byte) func(testing.TB) []byte {
		return func(tb testing.TB) []byte { return blocks(typ, f(tb), g(tb)) }
	}
	private := func(f func(tb testing.TB) []byte) func(testing.TB) []byte { return block(typePrivate, f) }
	public := func(f func(tb testing.TB) []byte) func(testing.TB) []byte { return block(typePublic, f) }
	other := func(oid ...int) func(tb testing.TB) []byte {
		return public(func(tb testing.TB) []byte { return spkiDER(tb, algorithmIdentifier{Algorithm: oid}, raw(tb)) })
	}
	x25519 := func(tb testing.TB) []byte { return seedDER(tb, partX25519, make([]byte, 32)) }
	mlkem := func(tb testing.TB) []byte { return seedDER(tb, partMLKEM, make([]byte, 64)) }
	envelope := func(f func(*protection)) func(tb testing.TB) []byte {
		return block(typeProtected, func(tb testing.TB) []byte { return must(tb, testEnvelope(f)) })
	}

	return []fixture{
		// What is in the key.
		{name: "sign-both-contradict.key", reason: "its expanded key is not that of its seed",
			make: private(func(tb testing.TB) []byte {
				seed, expanded := seedAndExpanded(tb, Sign)
				return bothDER(tb, Sign, flip(seed, 0), expanded)
			})},
		{name: "sign-both-altered.key", reason: "its expanded key is not that of its seed",
			make: private(func(tb testing.TB) []byte {
				seed, expanded := seedAndExpanded(tb, Sign)
				return bothDER(tb, Sign, seed, flip(expanded, len(expanded)-1))
			})},
		{name: "kem-both-contradict.key", reason: "its expanded key is not that of its seed",
			make: private(func(tb testing.TB) []byte {
				seed, expanded := seedAndExpanded(tb, KEM)
				return bothDER(tb, KEM, flip(seed, 0), expanded)
			})},
		{name: "kem-both-bad-hash.key", reason: "its expanded key is not that of its seed",
			make: private(func(tb testing.TB) []byte {
				seed, expanded := seedAndExpanded(tb, KEM)
				return bothDER(tb, KEM, seed, flip(expanded, len(expanded)-64)) // H(ek)
			})},
		{name: "sign-both-short-expanded.key", reason: "expanded key has 4895 bytes, want 4896",
			make: private(func(tb testing.TB) []byte {
				seed, expanded := seedAndExpanded(tb, Sign)
				return bothDER(tb, Sign, seed, expanded[1:])
			})},
		{name: "sign-both-short-seed.key", reason: "seed has 31 bytes, want 32",
			make: private(func(tb testing.TB) []byte {
				seed, expanded := seedAndExpanded(tb, Sign)
				return bothDER(tb, Sign, seed[1:], expanded)
			})},
		{name: "sign-expanded-only.key", reason: "only the expanded private key",
			make: private(func(tb testing.TB) []byte {
				_, expanded := seedAndExpanded(tb, Sign)
				return pkcs8DER(tb, partMLDSA, must(tb, expanded))
			})},
		{name: "kem-expanded-only.key", reason: "only the expanded private key",
			make: private(func(tb testing.TB) []byte {
				_, expanded := seedAndExpanded(tb, KEM)
				return pkcs8DER(tb, partMLKEM, must(tb, expanded))
			})},
		{name: "sign-short-seed.key", reason: "seed has 31 bytes, want 32",
			make: private(func(tb testing.TB) []byte { return seedDER(tb, partMLDSA, sign(tb)[1:]) })},
		{name: "sign-long-seed.key", reason: "seed has 33 bytes, want 32",
			make: private(func(tb testing.TB) []byte { return seedDER(tb, partMLDSA, append(sign(tb), 0)) })},
		{name: "sign-bare-seed.key", reason: "neither a seed nor seed and expanded key",
			make: private(func(tb testing.TB) []byte { return pkcs8DER(tb, partMLDSA, make([]byte, 32)) })},
		{name: "sign-empty.key", reason: "is empty",
			make: private(func(tb testing.TB) []byte { return pkcs8DER(tb, partMLDSA, nil) })},
		{name: "root-wrapped.key", reason: "second OCTET STRING",
			make: private(func(tb testing.TB) []byte { return pkcs8DER(tb, partSLH, must(tb, make([]byte, 128))) })},
		{name: "root-contradicts.key", reason: "its root is not that of its seeds",
			make: private(func(tb testing.TB) []byte {
				return seedDER(tb, partSLH, flip(testPrivate(tb, Root).sig.Expanded(), 127))
			})},
		{name: "root-seed-only.key", reason: "private key has 96 bytes, want 128",
			make: private(func(tb testing.TB) []byte { return seedDER(tb, partSLH, testPrivate(tb, Root).sig.Seed()) })},
		{name: "sign-short.pub", reason: "has 2591 bytes, want 2592",
			make: public(func(tb testing.TB) []byte {
				k := raw(tb)
				return spkiDER(tb, mldsa, asn1.BitString{Bytes: k.Bytes[1:], BitLength: k.BitLength - 8})
			})},
		{name: "kem-not-reduced.pub", reason: "not reduced modulo 3329",
			make: public(func(tb testing.TB) []byte {
				der := testPrivate(tb, KEM).Public().DER()
				der[22], der[23] = 0xff, der[23]|0x0f
				return der
			})},
		{name: "sign-unused-bits.pub", reason: "not a whole number of bytes",
			make: public(func(tb testing.TB) []byte {
				k := raw(tb)
				k.BitLength -= 3
				k.Bytes[len(k.Bytes)-1] &^= 7
				return spkiDER(tb, mldsa, k)
			})},

		// What is around it.
		{name: "sign-null.key", reason: "algorithm parameters, which must be absent",
			make: private(func(tb testing.TB) []byte {
				return must(tb, privateKeyInfo{Algorithm: null, PrivateKey: append([]byte{0x80, 32}, sign(tb)...)})
			})},
		{name: "sign-null.pub", reason: "algorithm parameters, which must be absent",
			make: public(func(tb testing.TB) []byte { return spkiDER(tb, null, raw(tb)) })},
		{name: "sign-trailing.key", reason: "1 bytes of trailing data",
			make: private(func(tb testing.TB) []byte { return append(seedDER(tb, partMLDSA, sign(tb)), 0) })},
		{name: "sign-trailing.pub", reason: "1 bytes of trailing data",
			make: public(func(tb testing.TB) []byte { return append(pub(tb), 0) })},
		{name: "sign-trailing-inside.key", reason: "not in its one DER encoding",
			make: private(func(tb testing.TB) []byte {
				return must(tb, struct {
					Version    int
					Algorithm  algorithmIdentifier
					PrivateKey []byte
					More       int
				}{0, mldsa, append([]byte{0x80, 32}, sign(tb)...), 7})
			})},
		{name: "sign-long-length.key", reason: "not valid DER",
			make: private(func(tb testing.TB) []byte { return lengthen(seedDER(tb, partMLDSA, sign(tb))) })},
		{name: "sign-long-length.pub", reason: "not valid DER",
			make: public(func(tb testing.TB) []byte { return lengthen(pub(tb)) })},
		{name: "sign-indefinite-length.key", reason: "not valid DER",
			make: private(func(tb testing.TB) []byte { return indefinite(seedDER(tb, partMLDSA, sign(tb))) })},
		{name: "sign-indefinite-length.pub", reason: "not valid DER",
			make: public(func(tb testing.TB) []byte { return indefinite(pub(tb)) })},
		{name: "sign-version-1.key", reason: "PKCS#8 version 1, want 0",
			make: private(func(tb testing.TB) []byte {
				return must(tb, privateKeyInfo{Version: 1, Algorithm: mldsa, PrivateKey: append([]byte{0x80, 32}, sign(tb)...)})
			})},
		{name: "sign-attributes.key", reason: "attributes",
			make: private(func(tb testing.TB) []byte {
				return must(tb, struct {
					Version    int
					Algorithm  algorithmIdentifier
					PrivateKey []byte
					Attributes asn1.RawValue
				}{0, mldsa, append([]byte{0x80, 32}, sign(tb)...), asn1.RawValue{Class: 2, Tag: 0, IsCompound: true}})
			})},
		{name: "sign-with-public.key", reason: "public key beside it",
			make: private(func(tb testing.TB) []byte {
				return must(tb, struct {
					Version    int
					Algorithm  algorithmIdentifier
					PrivateKey []byte
					PublicKey  asn1.RawValue
				}{0, mldsa, append([]byte{0x80, 32}, sign(tb)...), asn1.RawValue{Class: 2, Tag: 1, Bytes: []byte{0}}})
			})},
		{name: "mldsa-65.pub", reason: "for ML-DSA-65, which cqkit does not use", make: other(2, 16, 840, 1, 101, 3, 4, 3, 18)},
		{name: "ed25519.pub", reason: "for Ed25519, which cqkit does not use", make: other(1, 3, 101, 112)},
		{name: "unknown.pub", reason: "for algorithm 1.2.3.4, which cqkit does not use", make: other(1, 2, 3, 4)},
		{name: "x25519-alone.key", reason: "an X25519 key alone", make: private(x25519)},
		{name: "hybrid-reversed.key", reason: "a hybrid key is X25519, then ML-KEM-1024", make: two(typePrivate, mlkem, x25519)},
		{name: "hybrid-short-second.key", reason: "block 2: ML-KEM-1024 seed has 63 bytes",
			make: two(typePrivate, x25519, func(tb testing.TB) []byte { return seedDER(tb, partMLKEM, make([]byte, 63)) })},
		{name: "two-kem-keys.key", reason: "two keys, ML-KEM-1024 and ML-KEM-1024", make: two(typePrivate, mlkem, mlkem)},
		{name: "private-and-public.key", reason: "a file has one key",
			make: func(tb testing.TB) []byte { return append(private(mlkem)(tb), public(pub)(tb)...) }},
		{name: "certificate.pub", reason: "this is a certificate", make: block("CERTIFICATE", pub)},
		{name: "request.pub", reason: "this is a certificate", make: block("CERTIFICATE REQUEST", pub)},
		{name: "wrong-type.key", reason: `type "EC PRIVATE KEY"`, make: block("EC PRIVATE KEY", mlkem)},
		{name: "public-named-private.key", reason: "private key is not valid DER", make: private(pub)},

		// The text.
		{name: "text-header.pub", reason: "strict form", make: text("KEY-----\n", "KEY-----\nLabel: x\n\n")},
		{name: "text-wide-lines.pub", reason: "strict form", make: func(tb testing.TB) []byte {
			b := blocks(typePublic, pub(tb))
			i := bytes.IndexByte(b[30:], '\n') + 30
			return slices.Concat(b[:i], b[i+1:])
		}},
		{name: "text-mixed-line-ends.pub", reason: "mixes line ends", make: text("\n", "\r\n")},
		{name: "text-before.pub", reason: "line 1: text that is neither", make: text("# label: test-sign\n", "hello\n")},
		{name: "text-behind.pub", reason: "text where a PEM block or the end is expected",
			make: text("-----END PUBLIC KEY-----\n", "-----END PUBLIC KEY-----\nhello\n")},
		{name: "text-cut.pub", reason: "damaged or incomplete", make: text("-----END PUBLIC KEY-----\n", "")},
		{name: "text-order.pub", reason: `line 3: "# label:" is out of order`,
			make: text("# algorithm: ML-DSA-87\n", "# label: x\n")},
		{name: "text-label-control.pub", reason: "does not print", make: text("test-sign", "test\x1b[31m")},
		{name: "text-label-bidi.pub", reason: "does not print", make: text("test-sign", "test\u202egnp")},
		{name: "text-label-space.pub", reason: "begins or ends with a space", make: text("test-sign", "test ")},
		{name: "text-label-empty.pub", reason: "the label is empty", make: text("test-sign", "")},
		{name: "text-label-long.pub", reason: "label has 101 characters", make: text("test-sign", strings.Repeat("é", 101))},
		{name: "text-created-zone.pub", reason: "not a UTC time", make: text("02:10:00Z", "02:10:00+01:00")},
		{name: "text-created-fraction.pub", reason: "not a UTC time", make: text("02:10:00Z", "02:10:00.5Z")},
		{name: "text-algorithm.pub", reason: "for ML-KEM-1024, but it is for ML-DSA-87", make: text("ML-DSA-87", "ML-KEM-1024")},
		{name: "text-algorithm-unknown.pub", reason: `"RSA" is no algorithm of cqkit`, make: text("ML-DSA-87", "RSA")},
		{name: "text-fingerprint.pub", reason: "the file says its key is SHA256:AAAA",
			make: func(tb testing.TB) []byte {
				b := marshalPublic(Sign, PEM)(tb)
				i := bytes.Index(b, []byte("SHA256:")) + 7
				copy(b[i:], strings.Repeat("A", 43))
				return b
			}},
		{name: "text-fingerprint-short.pub", reason: "not a fingerprint", make: text("SHA256:", "SHA256:A")},

		// The protection.
		{name: "protected-many-iterations.key", reason: "wants 10000001 iterations",
			make: envelope(func(p *protection) { p.Algorithm.Parameters.KDF.Parameters.Iterations = 10_000_001 })},
		{name: "protected-no-iterations.key", reason: "wants 0 iterations",
			make: envelope(func(p *protection) { p.Algorithm.Parameters.KDF.Parameters.Iterations = 0 })},
		{name: "protected-no-salt.key", reason: "salt of 0 bytes",
			make: envelope(func(p *protection) { p.Algorithm.Parameters.KDF.Parameters.Salt = []byte{} })},
		{name: "protected-short-iv.key", reason: "IV of 15 bytes",
			make: envelope(func(p *protection) { p.Algorithm.Parameters.Cipher.IV = make([]byte, 15) })},
		{name: "protected-odd-length.key", reason: "has 63 encrypted bytes",
			make: envelope(func(p *protection) { p.Encrypted = p.Encrypted[1:] })},
		{name: "protected-nothing.key", reason: "has 0 encrypted bytes",
			make: envelope(func(p *protection) { p.Encrypted = []byte{} })},
		{name: "protected-sha1.key", reason: "another hash than SHA-256",
			make: envelope(func(p *protection) {
				p.Algorithm.Parameters.KDF.Parameters.PRF.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 7}
			})},
		{name: "protected-scrypt.key", reason: "uses scrypt",
			make: envelope(func(p *protection) { p.Algorithm.Parameters.KDF.Algorithm = oidScrypt })},
		{name: "protected-other-kdf.key", reason: "uses key derivation 1.2.3",
			make: envelope(func(p *protection) { p.Algorithm.Parameters.KDF.Algorithm = asn1.ObjectIdentifier{1, 2, 3} })},
		{name: "protected-3des.key", reason: "uses cipher 1.2.840.113549.3.7",
			make: envelope(func(p *protection) {
				p.Algorithm.Parameters.Cipher.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}
			})},
		{name: "protected-pbes1.key", reason: "only PBES2",
			make: envelope(func(p *protection) { p.Algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 10} })},
		{name: "protected-trailing.key", reason: "1 bytes of trailing data",
			make: block(typeProtected, func(tb testing.TB) []byte { return append(must(tb, testEnvelope(nil)), 0) })},
		{name: "protected-not-the-passphrase.key", reason: ErrPassphrase.Error(), make: envelope(nil)},

		// Neither.
		{name: "der.pub", reason: "looks like DER", make: pub},
		{name: "empty.pub", reason: "the file is empty", make: func(testing.TB) []byte { return nil }},
		{name: "raw-33-bytes.key", reason: "neither PEM nor a raw key (33 bytes", make: func(testing.TB) []byte { return make([]byte, 33) }},
		{name: "raw-kem-not-reduced.pub", reason: "not reduced modulo 3329", make: func(testing.TB) []byte {
			return bytes.Repeat([]byte{0xff}, pqkem.MLKEM1024PublicKeySize)
		}},
	}
}

// testEnvelope is a well-formed envelope around nothing that can be opened.
func testEnvelope(change func(*protection)) protection {
	var p protection
	p.Algorithm.Algorithm = oidPBES2
	p.Algorithm.Parameters.KDF.Algorithm = oidPBKDF2
	k := &p.Algorithm.Parameters.KDF.Parameters
	k.Salt, k.Iterations = bytes.Repeat([]byte{1}, 16), 1
	k.PRF.Algorithm, k.PRF.Parameters = oidHMACSHA256, asn1.NullRawValue
	p.Algorithm.Parameters.Cipher.Algorithm = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
	p.Algorithm.Parameters.Cipher.IV = bytes.Repeat([]byte{2}, 16)
	p.Encrypted = bytes.Repeat([]byte{3}, 64)
	if change != nil {
		change(&p)
	}
	return p
}

// read returns a file of testdata/keys, having written it with -update.
func (f fixture) read(t *testing.T, dir string) []byte {
	t.Helper()
	path := filepath.Join(dir, f.name)
	if *update {
		if _, err := os.Stat(path); !f.random || err != nil {
			if err := os.WriteFile(path, f.make(t), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !f.random && !bytes.Equal(data, f.make(t)) {
		t.Errorf("%s is not what it was made from; see -update", f.name)
	}
	return data
}
