package mav

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// Errors of ParseSigningKey and SigningKeyOf. None of them, and none that they wrap,
// holds anything of the key.
var (
	errKeyHex    = errors.New("a key after \"hex:\" must be 64 hexadecimal digits")
	errKeyBase64 = errors.New("a key after \"base64:\" must be 32 bytes in base64")
	errKeyEmpty  = errors.New("the passphrase is empty")
	errKeyFile   = errors.New("a key file must hold 32 bytes or 64 hexadecimal digits")
)

// ParseSigningKey reads a signing key as people give it: "hex:" and 64 digits,
// "base64:" and 32 bytes in the standard alphabet, with or without padding, "pass:"
// and a passphrase, or a passphrase alone. A passphrase stands for its SHA-256.
func ParseSigningKey(text string) (SigningKey, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case "hex":
		raw, err := hex.DecodeString(rest)
		if err != nil || len(raw) != len(SigningKey{}) {
			return SigningKey{}, errKeyHex
		}
		return SigningKey(raw), nil
	case "base64":
		raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(rest, "="))
		if err != nil || len(raw) != len(SigningKey{}) {
			return SigningKey{}, errKeyBase64
		}
		return SigningKey(raw), nil
	case "pass":
		text = rest
	}
	if text == "" {
		return SigningKey{}, errKeyEmpty
	}
	return PassphraseKey(text), nil
}

// SigningKeyOf reads the content of a key file: 32 bytes, or 64 hexadecimal digits
// with white space around them.
func SigningKeyOf(file []byte) (SigningKey, error) {
	if len(file) == len(SigningKey{}) {
		return SigningKey(file), nil
	}
	var key SigningKey
	digits := bytes.TrimSpace(file)
	if len(digits) != hex.EncodedLen(len(key)) {
		return SigningKey{}, errKeyFile
	}
	if _, err := hex.Decode(key[:], digits); err != nil {
		return SigningKey{}, errKeyFile
	}
	return key, nil
}
