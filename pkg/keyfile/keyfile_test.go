package keyfile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestGood(t *testing.T) {
	var names []string
	for _, f := range good() {
		names = append(names, f.name)
		t.Run(f.name, func(t *testing.T) {
			if f.random && testing.Short() {
				t.Skip("600,000 iterations take a while; left out by -short")
			}
			data := f.read(t, keyDir)
			file, err := Parse(data, testPass)
			if err != nil {
				t.Fatal(err)
			}
			kind, err := ParseKind(strings.SplitN(strings.TrimSuffix(strings.TrimSuffix(f.name, ".key"), ".pub"), "-", 3)[1])
			if err != nil {
				t.Fatal(err)
			}
			want := testPrivate(t, kind).Public()
			if file.Public.Kind() != kind || file.Public.Fingerprint() != want.Fingerprint() {
				t.Errorf("read as %v %s, want %v %s", file.Public.Kind(), file.Public.Fingerprint(), kind, want.Fingerprint())
			}
			if got := file.Private != nil; got != strings.HasSuffix(f.name, ".key") {
				t.Errorf("private: %v", got)
			}
			if file.Protected != strings.Contains(f.name, "protected") || (file.Encoding == Raw) != strings.Contains(f.name, "raw") {
				t.Errorf("protected %v, encoding %v", file.Protected, file.Encoding)
			}
			if bytes.HasPrefix(data, []byte("# label")) && file.Public.Comments != want.Comments {
				t.Errorf("comments %+v, want %+v", file.Public.Comments, want.Comments)
			}
			checkReencodes(t, data)
		})
	}
	checkNothingElse(t, keyDir, append(names, "README.md", ".gitattributes", "bad"))
}

func TestBad(t *testing.T) {
	dir := filepath.Join(keyDir, "bad")
	var names []string
	for _, f := range bad() {
		names = append(names, f.name)
		t.Run(f.name, func(t *testing.T) {
			data := f.read(t, dir)
			_, err := Parse(data, testPass)
			if err == nil || !strings.Contains(err.Error(), f.reason) {
				t.Fatalf("got %v, want … %s …", err, f.reason)
			}
			if _, err := Inspect(data, nil); err == nil && f.reason != ErrPassphrase.Error() {
				t.Error("Inspect does not refuse it")
			}
			if strings.HasSuffix(f.name, ".key") {
				_, err = ParsePrivate(data, testPass)
			} else {
				_, err = ParsePublic(data)
			}
			if err == nil || !strings.Contains(err.Error(), f.reason) {
				t.Errorf("got %v, want … %s …", err, f.reason)
			}
		})
	}
	checkNothingElse(t, dir, names)
}

func checkNothingElse(t *testing.T, dir string, names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(names, e.Name()) {
			t.Errorf("%s is in the folder, but no test knows it", e.Name())
		}
	}
}

// checkReencodes states the property of strict parsing: what is accepted
// encodes to the same bytes, but for line ends, for protected keys, which are
// encrypted afresh, and for expanded keys, which are not written.
func checkReencodes(t *testing.T, data []byte) {
	t.Helper()
	if d, err := decode(data); err == nil && d.typ == typeProtected {
		if got := d.marshal(); !bytes.Equal(got, normal(data)) {
			t.Errorf("re-encoded to\n%s", got)
		}
		return
	}
	f, err := Parse(data, nil)
	if err != nil {
		t.Fatalf("no longer parses: %v", err)
	}
	again := f.Public.Marshal
	if f.Private != nil {
		again = func(e Encoding) ([]byte, error) { return f.Private.Marshal(e, nil) }
	}
	got, err := again(f.Encoding)
	if err != nil {
		t.Fatal(err)
	}
	if f.Encoding == Raw {
		if !bytes.Equal(got, data) {
			t.Errorf("re-encoded to %x", got)
		}
		return
	}
	in, out := keyBlocks(t, data), keyBlocks(t, got)
	if f.Private != nil && len(in) > 1000 { // with expanded key
		return
	}
	if !bytes.Equal(in, out) {
		t.Errorf("re-encoded to\n%s", out)
	}
	// The comments: each that is there is as we write it.
	d, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.marshal(); !bytes.Equal(got, normal(data)) {
		t.Errorf("re-encoded to\n%s", got)
	}
}

// normal has LF at each line's end, the last one included.
func normal(data []byte) []byte {
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if !bytes.HasSuffix(data, []byte("\n")) {
		data = append(bytes.Clone(data), '\n')
	}
	return data
}

// keyBlocks cuts off the comments.
func keyBlocks(t *testing.T, data []byte) []byte {
	data = normal(data)
	return data[bytes.Index(data, []byte(beginMark)):]
}

func TestSharedExamples(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "vectors", "keys")
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("the shared vectors are not beside this checkout: nothing in %s", dir)
	}
	const not44 = "the key is for ML-DSA-44, which cqkit does not use"
	const not512 = "the key is for ML-KEM-512, which cqkit does not use"
	want := map[string]string{ // "" is read, otherwise the reason
		"ML-DSA-87-both.priv":       "",
		"ML-DSA-87-seed.priv":       "",
		"ML-DSA-87.pub":             "",
		"ML-DSA-87-expanded.priv":   ErrExpandedOnly.Error(),
		"ML-DSA-87.crt":             ErrCertificate.Error(),
		"ML-DSA-87-seed.priv.txt":   "neither PEM nor a raw key", // a description for people
		"ML-DSA-87.pub.txt":         "neither PEM nor a raw key",
		"bad-ML-DSA-44-1.priv":      not44, // the defects themselves: testdata/keys/bad/sign-*
		"bad-ML-DSA-44-2.priv":      not44,
		"bad-ML-DSA-44-3.priv":      not44,
		"ML-KEM-1024-both.priv":     "",
		"ML-KEM-1024-seed.priv":     "",
		"ML-KEM-1024.pub":           "",
		"ML-KEM-1024-expanded.priv": ErrExpandedOnly.Error(),
		"ML-KEM-1024.crt":           ErrCertificate.Error(),
		"bad-ML-KEM-512-1.priv":     not512, // the defects themselves: testdata/keys/bad/kem-*
		"bad-ML-KEM-512-2.priv":     not512,
		"bad-ML-KEM-512-3.priv":     not512,
		"bad-ML-KEM-512-4.priv":     not512,
	}
	fingerprints := map[string]string{}
	for _, path := range files {
		reason, ok := want[filepath.Base(path)]
		if !ok {
			t.Errorf("%s: no expectation", path)
			continue
		}
		delete(want, filepath.Base(path))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(data, nil)
		if reason != "" {
			if err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: got %v, want … %s …", filepath.Base(path), err, reason)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			continue
		}
		// All of a folder are halves and forms of one key.
		if first := fingerprints[filepath.Dir(path)]; first == "" {
			fingerprints[filepath.Dir(path)] = f.Public.Fingerprint()
		} else if got := f.Public.Fingerprint(); got != first {
			t.Errorf("%s: %s, want %s", filepath.Base(path), got, first)
		}
		checkReencodes(t, data)
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}

func TestHalves(t *testing.T) {
	for _, kind := range Kinds() {
		k := testPrivate(t, kind)
		for _, key := range [][]byte{marshalPrivate(kind, PEM, nil)(t), cheaplyProtected(t, k, "p")} {
			if _, err := ParsePublic(key); !errors.Is(err, ErrPrivate) {
				t.Errorf("%v: private as public: %v", kind, err)
			}
		}
		pub, err := k.Public().Marshal(PEM)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePrivate(pub, nil); !errors.Is(err, ErrPublic) {
			t.Errorf("%v: public as private: %v", kind, err)
		}
	}
}

func TestProtected(t *testing.T) {
	k := testPrivate(t, Hybrid)
	data := cheaplyProtected(t, k, "one")
	if _, err := Parse(data, nil); !errors.Is(err, ErrProtected) {
		t.Errorf("no passphrase: %v", err)
	}
	for _, wrong := range []string{"two", "one ", "o"} {
		if _, err := Parse(data, func() ([]byte, error) { return []byte(wrong), nil }); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := Parse(data, func() ([]byte, error) { return nil, nil }); err == nil {
		t.Error("an empty passphrase opens it")
	}
	stop := errors.New("stop")
	if _, err := Parse(data, func() ([]byte, error) { return nil, stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
	asked, pass := 0, []byte("one")
	f, err := Parse(data, func() ([]byte, error) { asked++; return pass, nil })
	if err != nil || f.Public.Fingerprint() != k.Public().Fingerprint() {
		t.Errorf("right passphrase: %v", err)
	}
	if asked != 1 || !bytes.Equal(pass, make([]byte, 3)) {
		t.Errorf("asked %d times, passphrase now %q", asked, pass)
	}
	for _, p := range [][]byte{{}, make([]byte, MaxPassphraseBytes+1)} {
		if _, err := k.Marshal(PEM, p); err == nil {
			t.Errorf("protected with %d bytes", len(p))
		}
	}
}

func TestInspect(t *testing.T) {
	for _, kind := range Kinds() {
		k := testPrivate(t, kind)
		data := cheaplyProtected(t, k, testPassphrase)
		want := Info{
			Private: true, Kind: kind, Fingerprint: k.Public().Fingerprint(),
			Protection: "PBKDF2-HMAC-SHA-256 with 1000 iterations, AES-256-CBC",
			Label:      k.Label, Created: k.Created,
		}
		got, err := Inspect(data, nil)
		if err != nil || got != want {
			t.Errorf("closed: %+v, %v, want %+v", got, err, want)
		}
		want.Known = true
		if got, err = Inspect(data, testPass); err != nil || got != want {
			t.Errorf("opened: %+v, %v, want %+v", got, err, want)
		}
		if _, err = Inspect(data, func() ([]byte, error) { return []byte("no"), nil }); !errors.Is(err, ErrPassphrase) {
			t.Errorf("wrong passphrase: %v", err)
		}
		pub, err := k.Public().Marshal(PEM)
		if err != nil {
			t.Fatal(err)
		}
		want.Private, want.Protection = false, ""
		if got, err = Inspect(pub, nil); err != nil || got != want {
			t.Errorf("public: %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestNoRawForm(t *testing.T) {
	for _, kind := range []Kind{Hybrid, Root} {
		k := testPrivate(t, kind)
		if _, err := k.Marshal(Raw, nil); !errors.Is(err, ErrNoRaw) {
			t.Errorf("%v: %v", kind, err)
		}
		if _, err := k.Public().Marshal(Raw); !errors.Is(err, ErrNoRaw) {
			t.Errorf("%v: %v", kind, err)
		}
	}
	if _, err := testPrivate(t, Sign).Marshal(Raw, []byte("p")); err == nil {
		t.Error("a raw key was protected")
	}
}

func TestLabels(t *testing.T) {
	for _, good := range []string{"", "pilot-7", "Ñandú 3 (Süd)", "無人機", strings.Repeat("é", MaxLabelRunes)} {
		k := testPrivate(t, Sign)
		k.Label = good
		data, err := k.Marshal(PEM, nil)
		if err != nil {
			t.Errorf("%q: %v", good, err)
			continue
		}
		if f, err := Parse(data, nil); err != nil || f.Private.Label != good {
			t.Errorf("%q: read as %q, %v", good, f.Private.Label, err)
		}
	}
	for _, bad := range []string{" a", "a ", "a\nb", "a\tb", "\x1b[1m", "a\u200eb", "a\u00a0b", "\xff", strings.Repeat("a", MaxLabelRunes+1)} {
		if _, err := Generate(Sign, Comments{Label: bad}); err == nil {
			t.Errorf("%q accepted", bad)
		}
		k := testPrivate(t, Sign)
		k.Label = bad
		if _, err := k.Marshal(PEM, nil); err == nil {
			t.Errorf("%q written", bad)
		}
	}
}

func TestNames(t *testing.T) {
	for _, kind := range Kinds() {
		if got, err := ParseKind(kind.String()); err != nil || got != kind {
			t.Errorf("%v: %v, %v", kind, got, err)
		}
	}
	for _, e := range []Encoding{PEM, Raw} {
		if got, err := ParseEncoding(e.String()); err != nil || got != e {
			t.Errorf("%v: %v, %v", e, got, err)
		}
	}
	if _, err := ParseKind("rsa"); err == nil {
		t.Error("kind rsa")
	}
	if _, err := ParseEncoding("der"); err == nil {
		t.Error("encoding der")
	}
	if _, err := Generate(0, Comments{}); err == nil {
		t.Error("generated a key of no kind")
	}
}

// TestNothingSecretPrinted prints keys, and the errors about damaged ones.
func TestNothingSecretPrinted(t *testing.T) {
	for _, kind := range Kinds() {
		k := testPrivate(t, kind)
		seed := k.seed()
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", k)
			fmt.Fprintf(&out, verb+"\n", *k)
			fmt.Fprintf(&out, verb+"\n", File{Private: k})
			fmt.Fprintf(&out, verb+"\n", struct{ k Private }{*k})
		}
		if b, err := json.Marshal(k); err == nil {
			t.Errorf("JSON of a private key: %s", b)
		}
		data, err := k.Marshal(PEM, nil)
		if err != nil {
			t.Fatal(err)
		}
		step := 1
		if kind == Root {
			step = 31 // each takes tens of milliseconds
		}
		for i := 0; i < len(data); i += step {
			if _, err := Parse(flip(data, i), nil); err != nil {
				fmt.Fprintln(&out, err)
			}
		}
		printed := strings.ToLower(out.String())
		lines := strings.Split(string(keyBlocks(t, data)), "\n")
		body := lines[len(lines)-3] // the last line of base64
		for _, secret := range []string{hex.EncodeToString(seed[:4]), fmt.Sprint(seed[:4])[1:], string(seed[:4]), body} {
			if strings.Contains(printed, strings.ToLower(secret)) {
				t.Errorf("%v: printed %q", kind, secret)
			}
		}
	}
}

// TestMangled changes every byte of a public key file and cuts it at every
// length. Only the label and the date can change unseen, as the format says.
func TestMangled(t *testing.T) {
	for _, kind := range []Kind{KEM, Hybrid} {
		data := marshalPublic(kind, PEM)(t)
		want := testPrivate(t, kind).Fingerprint()
		comments := bytes.Index(data, []byte(prefixAlgorithm))
		for i := range data {
			bad := flip(data, i)
			if p, err := ParsePublic(bad); err == nil && (i >= comments || p.Fingerprint() != want) {
				t.Errorf("%v: byte %d changed from %q to %q: accepted", kind, i, data[i], bad[i])
			}
			if _, err := ParsePublic(data[:i]); err == nil && i < len(data)-1 {
				t.Errorf("%v: cut to %d bytes: accepted", kind, i)
			}
		}
	}
}
