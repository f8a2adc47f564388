package guard

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"net/textproto"
)

// A Key says what a limit counts by. The zero Key is [ByAddress].
type Key struct {
	kind keyKind
	name string // of the field
	f    func(*http.Request) (string, bool)
}

type keyKind uint8

const (
	keyAddress keyKind = iota
	keyHeader
	keyPath
	keyHost
	keyFunc
	keyAll
)

// ByAddress counts by the address of the client, as [Proxies] finds it: IPv4 addresses each, IPv6
// addresses by their first 64 bits, which is what one subscriber has. For a [Guard.RoundTripper]
// it is the host and port of the request.
func ByAddress() Key { return Key{} }

// ByHeader counts by the value of a field, such as an API key. A request that does not have
// it, or has it more than once, counts by its address. Whoever can invent values has as many
// limits as they like: check them first, or limit addresses too.
func ByHeader(name string) Key {
	return Key{kind: keyHeader, name: textproto.CanonicalMIMEHeaderKey(name)}
}

// ByPath counts by the path without "." and ".." elements, doubled slashes and a slash at
// its end, for all clients together.
func ByPath() Key { return Key{kind: keyPath} }

// ByHost counts by the host a request is for.
func ByHost() Key { return Key{kind: keyHost} }

// ByAll has one limit for all requests.
func ByAll() Key { return Key{kind: keyAll} }

// ByFunc counts by what f returns, and by the address where it returns false. f must be safe
// for concurrent use.
func ByFunc(f func(*http.Request) (string, bool)) Key { return Key{kind: keyFunc, f: f} }

// append appends the key of a request to b: a letter for where it comes from, a colon,
// and its text. So a field cannot pass for an address.
func (k *Key) append(b []byte, x *exchange) []byte {
	r := x.r
	switch k.kind {
	case keyHeader:
		if v := r.Header[k.name]; len(v) == 1 && v[0] != "" {
			return appendText(append(b, "h:"...), v[0])
		}
	case keyPath:
		p, _ := normalPath(r.URL.Path)
		return appendText(append(b, "p:"...), p)
	case keyHost:
		return appendText(append(b, "d:"...), x.host())
	case keyFunc:
		if v, ok := k.f(r); ok {
			return appendText(append(b, "f:"...), v)
		}
	case keyAll:
		return append(b, '*')
	}
	if x.e.client {
		return appendText(append(b, "d:"...), x.host())
	}
	return appendAddr(append(b, "a:"...), x.addr())
}

// appendAddr appends an address, or the /64 of one of IPv6.
func appendAddr(b []byte, a netip.Addr) []byte {
	if a.Is6() {
		p, _ := a.Prefix(64)
		return p.AppendTo(b)
	}
	if !a.IsValid() {
		return append(b, '-')
	}
	return a.AppendTo(b)
}

// maxKeyLen is the longest text that stands for itself in a key.
const maxKeyLen = 128

// appendText appends text that anyone can read and that has no odd characters: itself, or
// "#" and its hash.
func appendText(b []byte, s string) []byte {
	if plainText(s) {
		return append(b, s...)
	}
	h := sha256.Sum256([]byte(s))
	return hex.AppendEncode(append(b, '#'), h[:])
}

func plainText(s string) bool {
	if len(s) > maxKeyLen || s == "" || s[0] == '#' {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
