package mav

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func TestParseSigningKey(t *testing.T) {
	key := PassphraseKey("password")
	digits := hex.EncodeToString(key[:])
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"bare", "password", nil},
		{"pass", "pass:password", nil},
		{"hex", "hex:" + digits, nil},
		{"hex, upper case", "hex:" + strings.ToUpper(digits), nil},
		{"base64", "base64:" + base64.StdEncoding.EncodeToString(key[:]), nil},
		{"base64 without padding", "base64:" + base64.RawStdEncoding.EncodeToString(key[:]), nil},
		{"short hex", "hex:" + digits[2:], errKeyHex},
		{"no hex", "hex:" + digits[:63] + "g", errKeyHex},
		{"short base64", "base64:c2VjcmV0", errKeyBase64},
		{"no base64", "base64:!", errKeyBase64},
		{"empty", "", errKeyEmpty},
		{"empty passphrase", "pass:", errKeyEmpty},
	} {
		got, err := ParseSigningKey(c.text)
		if err != c.want || err == nil && got != key {
			t.Errorf("%s: got error %v, want %v", c.name, err, c.want)
		}
	}
	if got, err := ParseSigningKey("pass:hex:zz"); err != nil || got != PassphraseKey("hex:zz") {
		t.Errorf("a passphrase that looks like another kind: %v", err)
	}
}

func TestSigningKeyOf(t *testing.T) {
	key := PassphraseKey("password")
	digits := []byte(hex.EncodeToString(key[:]))
	for _, c := range []struct {
		name string
		file []byte
		want error
	}{
		{"raw", key[:], nil},
		{"digits", digits, nil},
		{"a line of digits", append(bytes.Clone(digits), '\r', '\n'), nil},
		{"short", key[:31], errKeyFile},
		{"long", append(key[:], 0), errKeyFile},
		{"a passphrase", []byte("password\n"), errKeyFile},
		{"no digits", bytes.Repeat([]byte("x"), 64), errKeyFile},
		{"nothing", nil, errKeyFile},
	} {
		got, err := SigningKeyOf(c.file)
		if err != c.want || err == nil && got != key {
			t.Errorf("%s: got error %v, want %v", c.name, err, c.want)
		}
	}
}
