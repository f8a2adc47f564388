package store

import (
	"crypto/sha256"
	"encoding/base64"
)

const maxPlain = 64

// keyName returns the name of a key in the server, for docs/store.md's rules: of bounded length and of
// characters that mean nothing anywhere.
func keyName(key string) string {
	if len(key) <= maxPlain && plainDotted(key) {
		return "k" + key
	}
	sum := sha256.Sum256([]byte(key))
	return "h" + base64.RawURLEncoding.EncodeToString(sum[:])
}

func plainByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// plain tells whether s is one or more of A-Z a-z 0-9 _ -.
func plain(s string) bool {
	for i := range len(s) {
		if !plainByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// plainDotted is plain with single dots inside.
func plainDotted(s string) bool {
	dot := true
	for i := range len(s) {
		if s[i] == '.' && !dot {
			dot = true
			continue
		}
		if !plainByte(s[i]) {
			return false
		}
		dot = false
	}
	return !dot
}
