package seal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cqkit/pkg/merkle"
)

// originPrefix begins the first line of a note and names the format's version.
const originPrefix = "cqkit/flight-log/v1/"

// Limits of a seal; see docs/seal-format.md.
const (
	MaxSealBytes  = 64 << 20
	maxNotes      = 1 << 16
	maxLine       = 16 << 10
	maxSignerName = 128
	maxFileName   = 1024
)

// Note is one signed statement about a log: how far it goes, and the root of the tree
// over it. A Note that was parsed is not thereby verified.
type Note struct {
	ID      [16]byte    // the log's random id, the same on all its notes
	Leaves  uint64      // segments covered
	Root    merkle.Hash // of the tree over them
	Bytes   int64       // bytes covered
	HasSpan bool        // whether there are records, and First and Last mean something
	First   int64       // time of the first record in file order, µs since 1970 UTC
	Last    int64       // time of the last one
	Gaps    []GapAt     // the gaps since the note before
	Key     string      // fingerprint of the signer's key, "SHA256:…"
	Signer  string      // the name the signer goes by: a claim until Key is trusted
	Index   *[32]byte   // SHA-256 of the index, nil without one
	Nonce   uint64
	Time    time.Time // the signer's clock, whole seconds UTC: a claim
	Prev    *[32]byte // SHA-256 of the previous note's text, nil on the first
	Final   bool      // the log ends here
	Name    string    // the log's file name when it was sealed; untrusted text

	text []byte // as signed
	sig  string // the signature line's base64
}

// GapAt is where a gap lies.
type GapAt struct {
	Offset int64
	Bytes  int64
	Leaf   uint64
}

// Origin returns the first line of the note: the format's version and the log's id.
func (n *Note) Origin() string { return originPrefix + hex.EncodeToString(n.ID[:]) }

// Digest returns the SHA-256 of the note's text, by which a later note and a state
// file refer to it.
func (n *Note) Digest() [32]byte { return sha256.Sum256(n.text) }

// format writes the note's text, the bytes to be signed.
func (n *Note) format() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d\n%s\n", n.Origin(), n.Leaves, base64.StdEncoding.EncodeToString(n.Root[:]))
	fmt.Fprintf(&b, "bytes %d\n", n.Bytes)
	if n.HasSpan {
		fmt.Fprintf(&b, "span %d %d\n", n.First, n.Last)
	} else {
		b.WriteString("span - -\n")
	}
	for _, g := range n.Gaps {
		fmt.Fprintf(&b, "gap %d %d %d\n", g.Offset, g.Bytes, g.Leaf)
	}
	fmt.Fprintf(&b, "key %s\nsigner %s\n", n.Key, n.Signer)
	fmt.Fprintf(&b, "index %s\n", formatHash(n.Index))
	fmt.Fprintf(&b, "nonce %d\ntime %s\n", n.Nonce, n.Time.UTC().Format(timeLayout))
	fmt.Fprintf(&b, "prev %s\n", formatHash(n.Prev))
	if n.Final {
		b.WriteString("final\n")
	}
	fmt.Fprintf(&b, "name %s\n", quote(n.Name))
	return []byte(b.String())
}

const timeLayout = "2006-01-02T15:04:05Z"

func formatHash(h *[32]byte) string {
	if h == nil {
		return "-"
	}
	return base64.StdEncoding.EncodeToString(h[:])
}

// quote writes s in the one JSON spelling the format allows.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// unquote undoes quote and refuses every other spelling.
func unquote(q string) (string, bool) {
	if len(q) < 2 || q[0] != '"' || q[len(q)-1] != '"' || !utf8.ValidString(q) {
		return "", false
	}
	var b strings.Builder
	for in := q[1 : len(q)-1]; in != ""; {
		switch {
		case in[0] != '\\':
			b.WriteByte(in[0])
			in = in[1:]
		case len(in) >= 6 && in[1] == 'u':
			c, err := strconv.ParseUint(in[2:6], 16, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(c))
			in = in[6:]
		case len(in) >= 2:
			b.WriteByte(in[1])
			in = in[2:]
		default:
			return "", false
		}
	}
	s := b.String()
	return s, len(s) <= maxFileName && quote(s) == q
}

// FileName makes a file name fit for a note: valid UTF-8 of at most 1,024 bytes.
func FileName(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	for len(name) > maxFileName {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// CheckSignerName reports why name cannot stand on a signature line, nil if it can:
// it must have 1 to 128 bytes of UTF-8 without white space, "+", control or invisible
// characters.
func CheckSignerName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("signer name is empty")
	case len(name) > maxSignerName:
		return fmt.Errorf("signer name has %d bytes, at most %d are allowed", len(name), maxSignerName)
	case !utf8.ValidString(name):
		return fmt.Errorf("signer name %q is not UTF-8", name)
	}
	for _, r := range name {
		switch {
		case r == '+' || unicode.IsSpace(r):
			return fmt.Errorf("signer name %q contains %q; use letters, digits, \"-\", \"_\" or \".\"", name, r)
		case !unicode.IsPrint(r):
			return fmt.Errorf("signer name %q contains an invisible character (%U)", name, r)
		}
	}
	return nil
}
