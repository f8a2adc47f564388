package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func vector(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "trust", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func authority(t testing.TB, name string) *Authority {
	t.Helper()
	b, _ := pem.Decode(vector(t, name))
	a, err := NewAuthority(b.Bytes, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOpenSSLTokens: what "openssl ts" makes, with several keys, digests and forms.
func TestOpenSSLTokens(t *testing.T) {
	note := vector(t, "note")
	ca, tsa := authority(t, "ca.pem"), authority(t, "tsa.pem")
	for _, c := range []struct {
		token string
		by    []*Authority
		late  time.Duration // the accuracy it states
		fault string
	}{
		{"rsa.tst", []*Authority{ca}, 1500100 * time.Microsecond, ""},
		{"rsa.tst", []*Authority{tsa}, 1500100 * time.Microsecond, ""},
		{"rsa.tsr", []*Authority{ca, tsa}, 1500100 * time.Microsecond, ""},
		{"ecdsa.tst", []*Authority{ca}, 2 * time.Second, ""},
		{"ecdsa.tst", []*Authority{tsa}, 0, "by none of those given"},
		{"nocert.tst", []*Authority{tsa}, 1500100 * time.Microsecond, ""},
		{"nocert.tst", []*Authority{ca}, 0, "is not in it"},
		{"rsa.tst", nil, 0, "by none of those given"},
	} {
		token, err := TimestampToken(vector(t, c.token))
		if err != nil {
			t.Fatal(err)
		}
		if !Imprinted(token, note) || Imprinted(token, note[1:]) {
			t.Errorf("%s: Imprinted", c.token)
		}
		at, _, err := stamp(token, note, c.by)
		if c.fault != "" {
			if err == nil || !strings.Contains(err.Error(), c.fault) || !errors.Is(err, ErrStranger) {
				t.Errorf("%s: got %v, want %q", c.token, err, c.fault)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.token, err)
			continue
		}
		if at.Year() != 2026 || at.Add(-c.late).Nanosecond() != 0 {
			t.Errorf("%s: %v, without the accuracy of %v", c.token, at, c.late)
		}
		if _, _, err := stamp(token, append(bytes.Clone(note), '\n'), c.by); err == nil {
			t.Errorf("%s: counts for another note", c.token)
		}
	}
}

// TestMangledTokens: a token with a byte changed, of which every third is tried, either
// counts as before, where the byte is in what nobody signs, or not at all.
func TestMangledTokens(t *testing.T) {
	note := vector(t, "note")
	by := []*Authority{authority(t, "ca.pem")}
	for _, name := range []string{"rsa.tst", "ecdsa.tst"} {
		token := vector(t, name)
		want, _, err := stamp(token, note, by)
		if err != nil {
			t.Fatal(err)
		}
		spare := bytes.Index(token, by[0].DER) // a copy of the authority, which nothing needs
		step := 3
		if testing.Short() {
			step = 11
		}
		passed := 0
		for i := 0; i < len(token); i += step {
			bad := bytes.Clone(token)
			bad[i] ^= 0x41
			if got, _, err := stamp(bad, note, by); err == nil {
				if i < spare || i >= spare+len(by[0].DER) {
					passed++
				}
				if !got.Equal(want) {
					t.Errorf("%s: byte %d changed: %v, not %v", name, i, got, want)
				}
			}
			if _, _, err := stamp(token[:i], note, by); err == nil {
				t.Errorf("%s: cut to %d bytes", name, i)
			}
		}
		if passed > 15 { // versions, a list of digests, NULLs, and the like
			t.Errorf("%s: %d bytes can be changed", name, passed)
		}
		if _, _, err := stamp(append(bytes.Clone(token), 0), note, by); err == nil {
			t.Errorf("%s: a byte behind it", name)
		}
	}
}

// forge makes tokens, right ones and wrong ones.
type forge struct {
	key    crypto.Signer
	leaf   *x509.Certificate
	ca     *Authority
	digest asn1.ObjectIdentifier
	hash   crypto.Hash
	scheme asn1.ObjectIdentifier
	opts   crypto.SignerOpts

	content    asn1.ObjectIdentifier // what the message says it holds
	signedType asn1.ObjectIdentifier // what the attribute says
	info       func(*tstInfo)
	attributes func([]attribute) []attribute
	signers    int
}

func oid(s string) (id asn1.ObjectIdentifier) {
	for _, part := range strings.Split(s, ".") {
		n, _ := new(big.Int).SetString(part, 10)
		id = append(id, int(n.Int64()))
	}
	return id
}

func newForge(t *testing.T, key crypto.Signer, change func(*x509.Certificate)) *forge {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	year := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	top := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: year, NotAfter: year.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, top, top, caKey.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := NewAuthority(der, "the CA")
	if err != nil {
		t.Fatal(err)
	}
	usage, _ := asn1.Marshal([]asn1.ObjectIdentifier{oid("1.3.6.1.5.5.7.3.8")})
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "TSA"}, NotBefore: year, NotAfter: year.AddDate(2, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtraExtensions: []pkix.Extension{{Id: oidExtKeyUsage, Critical: true, Value: usage}}}
	if change != nil {
		change(leaf)
	}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, ca.certificate, key.Public(), caKey); err != nil {
		t.Fatal(err)
	}
	f := &forge{key: key, ca: ca, digest: hashes[0].oid, hash: crypto.SHA256, content: oidTSTInfo, signedType: oidTSTInfo, signers: 1}
	if f.leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	switch key.(type) {
	case *rsa.PrivateKey:
		f.scheme = oidRSA
	case ed25519.PrivateKey:
		f.scheme, f.digest, f.hash, f.opts = oidEd25519, hashes[2].oid, crypto.SHA512, crypto.Hash(0)
	default:
		f.scheme = hashes[0].ecOID
	}
	if f.opts == nil {
		f.opts = f.hash
	}
	return f
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func set(values ...any) asn1.RawValue {
	var b []byte
	for _, v := range values {
		b = append(b, must(asn1.Marshal(v))...)
	}
	return asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: b}
}

// token makes a token over a note.
func (f *forge) token(note []byte) []byte {
	sum := sha256.Sum256(note)
	info := tstInfo{Version: 1, Policy: oid("1.2.3"), Imprint: messageImprint{pkix.AlgorithmIdentifier{Algorithm: hashes[0].oid}, sum[:]},
		Serial: big.NewInt(7), Time: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	if f.info != nil {
		f.info(&info)
	}
	content := must(asn1.Marshal(struct {
		Version    int
		Policy     asn1.ObjectIdentifier
		Imprint    messageImprint
		Serial     *big.Int
		Time       time.Time        `asn1:"generalized"`
		Extensions []pkix.Extension `asn1:"optional,tag:1,omitempty"`
	}{info.Version, info.Policy, info.Imprint, info.Serial, info.Time, info.Extensions}))
	certHash := sha512.Sum512(f.leaf.Raw)
	type certID struct {
		Digest pkix.AlgorithmIdentifier
		Hash   []byte
	}
	attributes := []attribute{
		{oidContentType, set(f.signedType)},
		{oidMessageDigest, set(digest(f.hash, content))},
		{oidSigningCertV2, set(struct{ Certs []certID }{[]certID{{pkix.AlgorithmIdentifier{Algorithm: hashes[2].oid}, certHash[:]}}})},
	}
	if f.attributes != nil {
		attributes = f.attributes(attributes)
	}
	var list []any
	for _, a := range attributes {
		list = append(list, a)
	}
	signed := must(asn1.Marshal(set(list...)))
	toSign := signed
	if f.opts.HashFunc() != 0 {
		toSign = digest(f.hash, signed)
	}
	sig := must(f.key.Sign(rand.Reader, toSign, f.opts))
	implicit := bytes.Clone(signed)
	implicit[0] = 0xA0
	signer := signerInfo{Version: 1,
		Signer:    asn1.RawValue{FullBytes: must(asn1.Marshal(issuerAndSerial{asn1.RawValue{FullBytes: f.leaf.RawIssuer}, f.leaf.SerialNumber}))},
		Digest:    pkix.AlgorithmIdentifier{Algorithm: f.digest},
		Signed:    asn1.RawValue{FullBytes: implicit},
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: f.scheme},
		Signature: sig,
	}
	type encap struct {
		Type    asn1.ObjectIdentifier
		Content []byte `asn1:"explicit,tag:0"`
	}
	var signers []any
	for range f.signers {
		signers = append(signers, struct {
			Version   int
			Signer    asn1.RawValue
			Digest    pkix.AlgorithmIdentifier
			Signed    asn1.RawValue
			Algorithm pkix.AlgorithmIdentifier
			Signature []byte
		}{signer.Version, signer.Signer, signer.Digest, signer.Signed, signer.Algorithm, signer.Signature})
	}
	data := must(asn1.Marshal(struct {
		Version      int
		Digests      asn1.RawValue
		Encap        encap
		Certificates asn1.RawValue
		Signers      asn1.RawValue
	}{3, set(pkix.AlgorithmIdentifier{Algorithm: f.digest}), encap{f.content, content},
		asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: f.leaf.Raw}, set(signers...)}))
	return must(asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}{oidSignedData, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: data}}))
}

// TestForgedTokens: tokens with good signatures that break a rule, each refused for it.
func TestForgedTokens(t *testing.T) {
	note := []byte("a note\n\n— x y\n")
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	_, edKey, _ := ed25519.GenerateKey(rand.Reader)
	without := func(id asn1.ObjectIdentifier) func([]attribute) []attribute {
		return func(all []attribute) (kept []attribute) {
			for _, a := range all {
				if !a.Type.Equal(id) {
					kept = append(kept, a)
				}
			}
			return kept
		}
	}
	usage := func(critical bool, ids ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			var list []asn1.ObjectIdentifier
			for _, s := range ids {
				list = append(list, oid(s))
			}
			c.ExtraExtensions = []pkix.Extension{{Id: oidExtKeyUsage, Critical: critical, Value: must(asn1.Marshal(list))}}
		}
	}
	const stamping, server = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.1"
	for _, c := range []struct {
		name  string
		key   crypto.Signer
		cert  func(*x509.Certificate)
		forge func(*forge)
		fault string
	}{
		{"ECDSA", ec, nil, nil, ""},
		{"ECDSA, named by its key", ec, nil, func(f *forge) { f.scheme = oidEC }, ""},
		{"RSA", rsaKey, nil, nil, ""},
		{"RSA, digest and scheme in one", rsaKey, nil, func(f *forge) { f.scheme = hashes[0].rsaOID }, ""},
		{"RSA-PSS", rsaKey, nil, func(f *forge) {
			f.scheme, f.opts = oidPSS, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		}, ""},
		{"Ed25519", edKey, nil, nil, ""},
		{"a fraction of a second", ec, nil, func(f *forge) { f.info = func(i *tstInfo) { i.Time = i.Time.Add(500 * time.Millisecond) } }, ""},
		{"an extension", ec, nil, func(f *forge) {
			f.info = func(i *tstInfo) { i.Extensions = []pkix.Extension{{Id: oid("1.2.3.4"), Value: []byte{5, 0}}} }
		}, ""},
		{"a critical extension", ec, nil, func(f *forge) {
			f.info = func(i *tstInfo) {
				i.Extensions = []pkix.Extension{{Id: oid("1.2.3.4"), Critical: true, Value: []byte{5, 0}}}
			}
		}, "critical extension"},
		{"scheme of another digest", rsaKey, nil, func(f *forge) { f.scheme = hashes[1].rsaOID }, "does not go with"},
		{"SHA-1", ec, nil, func(f *forge) { f.digest = oid("1.3.14.3.2.26") }, "is none of"},
		{"version 2", ec, nil, func(f *forge) { f.info = func(i *tstInfo) { i.Version = 2 } }, "version 1"},
		{"other imprint", ec, nil, func(f *forge) { f.info = func(i *tstInfo) { i.Imprint.Digest = make([]byte, 32) } }, "something else"},
		{"no imprint", ec, nil, func(f *forge) { f.info = func(i *tstInfo) { i.Imprint.Digest = nil } }, "something else"},
		{"before the certificate", ec, nil, func(f *forge) { f.info = func(i *tstInfo) { i.Time = i.Time.AddDate(-1, 0, 0) } }, "by none of those given"},
		{"after the certificate", ec, nil, func(f *forge) { f.info = func(i *tstInfo) { i.Time = i.Time.AddDate(4, 0, 0) } }, "by none of those given"},
		{"for servers", ec, usage(true, server), nil, "not for timestamps alone"},
		{"for servers, too", ec, usage(true, stamping, server), nil, "not for timestamps alone"},
		{"for something unknown, too", ec, usage(true, stamping, "1.2.3.4.5"), nil, "not for timestamps alone"},
		{"not critically", ec, usage(false, stamping), nil, "not for timestamps alone"},
		{"for anything", ec, func(c *x509.Certificate) { c.ExtraExtensions = nil }, nil, "not for timestamps alone"},
		{"a critical extension of the certificate", ec, func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oid("1.2.3.4"), Critical: true, Value: []byte{5, 0}})
		}, nil, "by none of those given"},
		{"other content", ec, nil, func(f *forge) { f.content = oid("1.2.840.113549.1.7.1") }, "other content"},
		{"other content was signed", ec, nil, func(f *forge) { f.signedType = oid("1.2.840.113549.1.7.1") }, "content type that was signed"},
		{"content type not signed", ec, nil, func(f *forge) { f.attributes = without(oidContentType) }, "content type that was signed"},
		{"digest not signed", ec, nil, func(f *forge) { f.attributes = without(oidMessageDigest) }, "digest that was signed"},
		{"certificate not signed", ec, nil, func(f *forge) { f.attributes = without(oidSigningCertV2) }, "not among what was signed"},
		{"an attribute twice", ec, nil, func(f *forge) {
			f.attributes = func(a []attribute) []attribute { return append(a, a[1]) }
		}, "signed twice"},
		{"two values of an attribute", ec, nil, func(f *forge) {
			f.attributes = func(a []attribute) []attribute {
				a[1].Values.Bytes = append(bytes.Clone(a[1].Values.Bytes), a[1].Values.Bytes...)
				return a
			}
		}, "digest that was signed"},
		{"another certificate was signed", ec, nil, func(f *forge) {
			f.attributes = func(a []attribute) []attribute {
				a[2].Values.Bytes = bytes.Clone(a[2].Values.Bytes)
				a[2].Values.Bytes[len(a[2].Values.Bytes)-1] ^= 1
				return a
			}
		}, "another certificate"},
		{"two signers", ec, nil, func(f *forge) { f.signers = 2 }, "not of one signer"},
		{"no signer", ec, nil, func(f *forge) { f.signers = 0 }, "not of one signer"},
	} {
		f := newForge(t, c.key, c.cert)
		if c.forge != nil {
			c.forge(f)
		}
		token := f.token(note)
		at, by, err := stamp(token, note, []*Authority{authority(t, "ca.pem"), f.ca})
		switch {
		case c.fault == "" && (err != nil || by != f.ca || at.Year() != 2026):
			t.Errorf("%s: %v, %v", c.name, at, err)
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
			t.Errorf("%s: got %v, want %q", c.name, err, c.fault)
		}
		if c.fault == "" {
			r := Registry{authorities: []*Authority{f.ca}}
			if p, problems := r.Date(nil, note, []Attestation{{Timestamp: token}}); p == nil || len(problems) > 0 || p.By != "the timestamp authority the CA" {
				t.Errorf("%s: %+v, %v", c.name, p, problems)
			}
		}
	}
}

func TestTimestampRequest(t *testing.T) {
	// As "openssl ts -query -data note -sha256 -cert -no_nonce" makes it.
	if got, want := TimestampRequest(vector(t, "note")), vector(t, "note.tsq"); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	for name, answer := range map[string][]byte{
		"nothing":   nil,
		"refused":   {0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02},
		"no token":  {0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x00},
		"other":     {0x30, 0x00},
		"too large": append([]byte{0x30}, make([]byte, MaxTokenBytes)...),
		"other CMS": must(asn1.Marshal(struct {
			Type    asn1.ObjectIdentifier
			Content asn1.RawValue
		}{oid("1.2.840.113549.1.7.1"), asn1.RawValue{Class: 2, Tag: 0, IsCompound: true, Bytes: []byte{4, 0}}})),
	} {
		if token, err := TimestampToken(answer); err == nil {
			t.Errorf("%s: token of %d bytes", name, len(token))
		}
	}
}
