package keyfile

import (
	"strings"
	"testing"
)

func TestParseTokenURI(t *testing.T) {
	got, err := ParseTokenURI("pkcs11:token=My%20Fleet;object=pilot-7;type=data?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin")
	if want := (TokenURI{"My Fleet", "pilot-7", "/usr/lib/softhsm/libsofthsm2.so", "file:/run/pin"}); err != nil || *got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, c := range []struct{ uri, want string }{
		{"token=a;object=b", "begins with"},
		{"pkcs11:", "must name a token and an object"},
		{"pkcs11:token=a", "must name a token and an object"},
		{"pkcs11:object=a", "must name a token and an object"},
		{"pkcs11:token=a;object=", "is empty"},
		{"pkcs11:token=a;object=b%0A", "not printable"},
		{"pkcs11:token=a;object=b%FF", "not printable"},
		{"pkcs11:token=a;object=b%2", "not printable"},
		{"pkcs11:token=a;object=" + strings.Repeat("b", 256), "too long"},
		{"pkcs11:token=a;object=b;object=c", "given twice"},
		{"pkcs11:token=a;object=b;slot-id=1", "not known"},
		{"pkcs11:token=a;object=b;type=private", "type=data"},
		{"pkcs11:token=a;object=b?pin-value=7391", "does not belong into a command line"},
		{"pkcs11:token=a;object=b;pin-value=7391", "does not belong into a command line"},
		{"pkcs11:token=a;object=b?module-name=x", "not known"},
		{"pkcs11:token=a;object=b;module-path=/x", "not known"},
		{"pkcs11:token=a;object=b?", ""},
	} {
		switch _, err := ParseTokenURI(c.uri); {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.uri, err, c.want)
		case err != nil && strings.Contains(err.Error(), "7391"):
			t.Errorf("%s: the PIN is in the message", c.uri)
		}
	}
}

func FuzzParseTokenURI(f *testing.F) {
	f.Add("pkcs11:token=a;object=b?module-path=/x&pin-source=env:PIN")
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := ParseTokenURI(s); err == nil && (u.Token == "" || u.Object == "" || strings.ContainsAny(u.Token+u.Object+u.Module+u.PINSource, "\x00\n")) {
			t.Errorf("%q: %+v", s, u)
		}
	})
}
