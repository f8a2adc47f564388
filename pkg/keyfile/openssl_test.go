package keyfile

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// openssl runs the openssl that is installed, of at least the given version.
func openssl(t *testing.T, major, minor int, stdin []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl here")
	}
	version, err := exec.Command(path, "version").Output()
	if err != nil {
		t.Skipf("openssl version: %v", err)
	}
	m := regexp.MustCompile(`^OpenSSL (\d+)\.(\d+)\.`).FindSubmatch(version)
	if m == nil {
		t.Skipf("%s is not OpenSSL", bytes.TrimSpace(version))
	}
	a, _ := strconv.Atoi(string(m[1]))
	b, _ := strconv.Atoi(string(m[2]))
	if a < major || a == major && b < minor {
		t.Skipf("%s is older than %d.%d", bytes.TrimSpace(version), major, minor)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

// TestOpenSSLDecrypts opens a protected key with nothing but OpenSSL's PBKDF2
// and AES, which 3.0 has: what comes out is the plain PrivateKeyInfo.
func TestOpenSSLDecrypts(t *testing.T) {
	for _, kind := range []Kind{Sign, KEM, Root} {
		k := testPrivate(t, kind)
		files := map[string][]byte{
			"stored": (fixture{name: "test-" + kind.String() + "-protected.key", random: true}).read(t, keyDir),
		}
		if kind == Sign {
			files["fresh"] = marshalPrivate(kind, PEM, []byte(testPassphrase))(t)
		}
		for name, data := range files {
			d, err := decode(data)
			if err != nil {
				t.Fatal(err)
			}
			p, err := parseProtection(d.blocks[0])
			if err != nil {
				t.Fatal(err)
			}
			kdf := p.Algorithm.Parameters.KDF.Parameters
			key := openssl(t, 3, 0, nil, "kdf", "-keylen", "32", "-kdfopt", "digest:SHA256",
				"-kdfopt", "pass:"+testPassphrase, "-kdfopt", "hexsalt:"+hex.EncodeToString(kdf.Salt),
				"-kdfopt", fmt.Sprint("iter:", kdf.Iterations), "PBKDF2")
			plain := openssl(t, 3, 0, p.Encrypted, "enc", "-d", "-aes-256-cbc",
				"-K", strings.ReplaceAll(strings.TrimSpace(string(key)), ":", ""),
				"-iv", hex.EncodeToString(p.Algorithm.Parameters.Cipher.IV))
			if !bytes.Equal(plain, seedDER(t, partOf(kind), k.seed())) {
				t.Errorf("%v, %s: OpenSSL decrypts to %d other bytes", kind, name, len(plain))
			}
		}
	}
}

// TestOpenSSLHybrid has OpenSSL 3.0 read our file: it knows X25519, which comes
// first, and has to skip the comments and open PBES2 for it.
func TestOpenSSLHybrid(t *testing.T) {
	k := testPrivate(t, Hybrid)
	want, err := x509.MarshalPKIXPublicKey(mustX25519(t, k))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"plain":     marshalPrivate(Hybrid, PEM, nil)(t),
		"protected": (fixture{name: "test-hybrid-protected.key", random: true}).read(t, keyDir),
	} {
		got := openssl(t, 3, 0, data, "pkey", "-passin", "pass:"+testPassphrase, "-pubout", "-outform", "DER")
		if !bytes.Equal(got, want) {
			t.Errorf("%s: OpenSSL reads another key", name)
		}
	}
	got := openssl(t, 3, 0, marshalPublic(Hybrid, PEM)(t), "pkey", "-pubin", "-outform", "DER")
	if !bytes.Equal(got, want) {
		t.Error("OpenSSL reads another public key")
	}
}

func mustX25519(t *testing.T, k *Private) any {
	t.Helper()
	pub, err := x509.ParsePKIXPublicKey(k.Public().DER()[:x25519SPKISize])
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// TestReadsOpenSSL reads keys that OpenSSL protected, in each way we accept
// and some that we do not. X25519 is what 3.0 can make; an ML-KEM key follows to make it a hybrid.
func TestReadsOpenSSL(t *testing.T) {
	k := testPrivate(t, Hybrid)
	x := blocks(typePrivate, seedDER(t, partX25519, k.seed()[:32]))
	for _, c := range []struct {
		args   []string
		reason string
	}{
		{args: []string{"-topk8"}},
		{args: []string{"-topk8", "-v2", "aes-128-cbc"}},
		{args: []string{"-topk8", "-v2", "aes-192-cbc", "-iter", "10000"}},
		{args: []string{"-topk8", "-v2", "des3"}, reason: "uses cipher 1.2.840.113549.3.7"},
		{args: []string{"-topk8", "-v2prf", "hmacWithSHA512"}, reason: "another hash than SHA-256"},
		{args: []string{"-topk8", "-scrypt"}, reason: "uses scrypt"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			first := openssl(t, 3, 0, x, append([]string{"pkcs8", "-passout", "pass:" + testPassphrase}, c.args...)...)
			second := protectCheaply(t, seedDER(t, partMLKEM, k.seed()[32:]), testPassphrase)
			f, err := Parse(append(first, blocks(typeProtected, second)...), testPass)
			if c.reason != "" {
				if err == nil || !strings.Contains(err.Error(), c.reason) {
					t.Errorf("got %v, want … %s …", err, c.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if f.Public.Fingerprint() != k.Public().Fingerprint() {
				t.Error("another key")
			}
		})
	}
}

// TestOpenSSL35 has OpenSSL 3.5, which knows all these algorithms, read every
// form that we write and give us its own.
func TestOpenSSL35(t *testing.T) {
	for _, kind := range []Kind{Sign, KEM, Root} {
		k := testPrivate(t, kind)
		for _, pass := range [][]byte{nil, []byte(testPassphrase)} {
			got := openssl(t, 3, 5, marshalPrivate(kind, PEM, pass)(t),
				"pkey", "-passin", "pass:"+testPassphrase, "-pubout", "-outform", "DER")
			if !bytes.Equal(got, k.Public().DER()) {
				t.Errorf("%v: OpenSSL reads another key", kind)
			}
		}
		got := openssl(t, 3, 5, marshalPublic(kind, PEM)(t), "pkey", "-pubin", "-outform", "DER")
		if !bytes.Equal(got, k.Public().DER()) {
			t.Errorf("%v: OpenSSL reads another public key", kind)
		}
		path := filepath.Join(t.TempDir(), "k.pem")
		openssl(t, 3, 5, nil, "genpkey", "-algorithm", kind.Algorithm(), "-aes256", "-pass", "pass:"+testPassphrase, "-out", path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(data, testPass) // seed and expanded key, its default
		if err != nil {
			t.Errorf("%v: a key made by OpenSSL: %v", kind, err)
			continue
		}
		der := openssl(t, 3, 5, data, "pkey", "-passin", "pass:"+testPassphrase, "-pubout")
		if block, _ := pem.Decode(der); !bytes.Equal(block.Bytes, f.Public.DER()) {
			t.Errorf("%v: a key made by OpenSSL is read as another", kind)
		}
	}
}
