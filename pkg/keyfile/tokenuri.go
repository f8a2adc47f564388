package keyfile

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// TokenScheme begins the URI of a seed that is kept in a PKCS#11 token.
const TokenScheme = "pkcs11:"

// maxTokenName bounds the names in a URI; PKCS#11 has 32 bytes for a token's.
const maxTokenName = 255

// A TokenURI names a seed in a PKCS#11 token (RFC 7512):
//
//	pkcs11:token=fleet;object=pilot-7?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=env:PIN
//
// token and object are required. There is no pin-value: a PIN in a command line is read
// by everyone on the machine.
type TokenURI struct {
	Token  string // the token's label
	Object string // the object's label
	Module string // the PKCS#11 library, "" for that of the tool
	// PINSource says where the PIN is: "file:PATH" or a path, or "env:NAME", which RFC
	// 7512 does not have. "" says nothing.
	PINSource string
}

// IsTokenURI reports whether a name is meant as a URI of a token, not as a file.
func IsTokenURI(name string) bool { return strings.HasPrefix(name, TokenScheme) }

// ParseTokenURI reads a URI. It refuses attributes it does not know, because a seed must
// not go to another place than was meant, and errors never quote values.
func ParseTokenURI(s string) (*TokenURI, error) {
	rest, ok := strings.CutPrefix(s, TokenScheme)
	if !ok {
		return nil, fmt.Errorf("the name of a seed in a token begins with %q", TokenScheme)
	}
	path, query, _ := strings.Cut(rest, "?")
	u := new(TokenURI)
	seen := map[string]bool{}
	for _, part := range []struct {
		text, separator string
		fields          map[string]*string
	}{
		{path, ";", map[string]*string{"token": &u.Token, "object": &u.Object, "type": new(string)}},
		{query, "&", map[string]*string{"module-path": &u.Module, "pin-source": &u.PINSource}},
	} {
		if part.text == "" {
			continue
		}
		for _, attribute := range strings.Split(part.text, part.separator) {
			name, escaped, ok := strings.Cut(attribute, "=")
			field := part.fields[name]
			value, err := url.PathUnescape(escaped)
			switch {
			case name == "pin-value":
				return nil, errors.New("a PIN does not belong into a command line: name where it is with pin-source=file:PATH or pin-source=env:NAME")
			case field == nil:
				return nil, fmt.Errorf("attribute %.40q is not known: there are token, object and type=data, module-path and pin-source", name)
			case seen[name]:
				return nil, fmt.Errorf("attribute %q is given twice", name)
			case !ok || err != nil || value == "" || len(value) > maxTokenName || !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r == 0x7F }):
				return nil, fmt.Errorf("the value of %q is empty, too long, or not printable text", name)
			case name == "type" && value != "data":
				return nil, errors.New("a seed is kept as type=data: tokens cannot use keys of these algorithms")
			}
			seen[name] = true
			*field = value
		}
	}
	if u.Token == "" || u.Object == "" {
		return nil, errors.New("the URI must name a token and an object, as in pkcs11:token=fleet;object=pilot-7")
	}
	return u, nil
}
