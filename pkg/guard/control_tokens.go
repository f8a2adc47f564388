package guard

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// Tokens are the secrets by which a [Control] knows its operators. The zero Tokens
// knows nobody.
type Tokens struct {
	names []string
	sums  [][sha256.Size]byte
}

// Bounds of a file of tokens.
const (
	minToken     = 32
	maxToken     = 256
	maxTokens    = 1000
	maxTokenFile = 1 << 20
)

// ErrTokensExposed means that others than its owner may read a file of tokens. It was
// not read.
var ErrTokensExposed = errors.New("others than its owner may read it")

// ReadTokens reads a file of tokens; see docs/guard-control.md.
func ReadTokens(path string) (Tokens, error) {
	f, err := os.Open(path)
	if err != nil {
		return Tokens{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Tokens{}, err
	}
	switch {
	case !info.Mode().IsRegular():
		return Tokens{}, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return Tokens{}, &fs.PathError{Op: "read", Path: path, Err: ErrTokensExposed}
	case info.Size() > maxTokenFile:
		return Tokens{}, &fs.PathError{Op: "read", Path: path, Err: errors.New("too long")}
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if n < len(data) {
		return Tokens{}, err
	}
	tokens, err := ParseTokens(data)
	if err != nil {
		return Tokens{}, fmt.Errorf("%q: %w", path, err)
	}
	return tokens, nil
}

// ParseTokens reads tokens, NAME TOKEN in a line each. Its errors tell the line and never a
// token. data is not kept.
func ParseTokens(data []byte) (Tokens, error) {
	var t Tokens
	seen := map[string]bool{}
	for i, line := range bytes.Split(data, []byte("\n")) {
		fields := bytes.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if len(fields) != 2 {
			return Tokens{}, fmt.Errorf("line %d is not a name and a token", i+1)
		}
		name, token := string(fields[0]), fields[1]
		switch {
		case !validTokenName(name):
			return Tokens{}, fmt.Errorf("line %d: the name is not 1 to 64 letters, digits, %q", i+1, "-_.")
		case seen[name]:
			return Tokens{}, fmt.Errorf("line %d: the name %q was there already", i+1, name)
		case len(token) < minToken || len(token) > maxToken || !printable(token):
			return Tokens{}, fmt.Errorf("line %d: the token is not %d to %d printable characters", i+1, minToken, maxToken)
		case len(t.names) == maxTokens:
			return Tokens{}, fmt.Errorf("line %d: over %d tokens", i+1, maxTokens)
		}
		seen[name] = true
		sum := sha256.Sum256(token)
		for _, other := range t.sums {
			if other == sum {
				return Tokens{}, fmt.Errorf("line %d: the token was there already", i+1)
			}
		}
		t.names, t.sums = append(t.names, name), append(t.sums, sum)
	}
	if len(t.names) == 0 {
		return Tokens{}, errors.New("there is no token in it")
	}
	return t, nil
}

func validTokenName(s string) bool { return validName(strings.ToLower(s)) }

func printable(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Len returns how many tokens there are.
func (t Tokens) Len() int { return len(t.names) }

// who returns the name that belongs to the value of a field Authorization. It takes as long
// for any token of a length as for any other.
func (t Tokens) who(authorization string) (string, bool) {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || len(token) > maxToken {
		return "", false
	}
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i := range t.sums {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], t.sums[i][:]), i, found)
	}
	if found < 0 {
		return "", false
	}
	return t.names[found], true
}
