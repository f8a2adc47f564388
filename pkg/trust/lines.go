package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxBytes is the greatest length of a trust file and of a revocation list, 16 MiB.
	MaxBytes = 16 << 20
	// MaxTextRunes is the greatest length of a label and of the words about a
	// revocation, in characters.
	MaxTextRunes = 100

	maxLine    = 64 << 10 // the signature line of a list has 39,743 bytes and a name
	timeLayout = "2006-01-02T15:04:05Z"
)

// A ParseError says where a trust file or a revocation list breaks a rule.
type ParseError struct {
	Line   int // from 1; 0 if it is not about one line
	Reason string
}

// Error names the line and the reason.
func (e *ParseError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// lines reads text line by line.
type lines struct {
	rest []byte
	line int // of the line read last
}

func (l *lines) fail(format string, args ...any) error {
	return &ParseError{l.line, fmt.Sprintf(format, args...)}
}

// begins reports whether the next line begins with a word.
func (l *lines) begins(word string) bool { return bytes.HasPrefix(l.rest, []byte(word)) }

// next returns the next line without its LF.
func (l *lines) next() (string, error) {
	l.line++
	i := bytes.IndexByte(l.rest[:min(len(l.rest), maxLine+1)], '\n')
	switch {
	case len(l.rest) == 0:
		return "", l.fail("the file is cut short")
	case i < 0 && len(l.rest) > maxLine:
		return "", l.fail("the line is longer than %d bytes", maxLine)
	case i < 0:
		return "", l.fail("the file ends inside the line")
	}
	line := l.rest[:i]
	l.rest = l.rest[i+1:]
	for _, c := range line {
		if c < 0x20 || c == 0x7F {
			return "", l.fail("control character")
		}
	}
	if !utf8.Valid(line) {
		return "", l.fail("not UTF-8")
	}
	return string(line), nil
}

// empty reads an empty line.
func (l *lines) empty() error {
	if line, err := l.next(); err != nil {
		return err
	} else if line != "" {
		return l.fail("want an empty line")
	}
	return nil
}

// field returns what follows the given word and a space on the next line.
func (l *lines) field(word string) (string, error) {
	line, err := l.next()
	if err != nil {
		return "", err
	}
	value, ok := strings.CutPrefix(line, word+" ")
	if !ok {
		return "", l.fail("want a %q line", word)
	}
	return value, nil
}

// block reads a whole PEM block of the given type in its one spelling.
func (l *lines) block(kind string) ([]byte, error) {
	end := []byte("-----END " + kind + "-----\n")
	if !l.begins("-----BEGIN " + kind + "-----\n") {
		l.line++
		return nil, l.fail("want a %s block", kind)
	}
	i := bytes.Index(l.rest, append([]byte{'\n'}, end...))
	if i < 0 {
		l.line++
		return nil, l.fail("the %s block has no end", kind)
	}
	raw := l.rest[:i+1+len(end)]
	b, _ := pem.Decode(raw)
	if b == nil || b.Type != kind || !bytes.Equal(encodeBlock(kind, b.Bytes), raw) {
		l.line++
		return nil, l.fail("the %s block is damaged, or not in its one spelling", kind)
	}
	l.line += bytes.Count(raw, []byte{'\n'})
	l.rest = l.rest[len(raw):]
	return b.Bytes, nil
}

func encodeBlock(kind string, data []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})
}

// Fingerprint returns "SHA256:" and the unpadded base64 of the SHA-256 of der, which is
// how keys are named: of a SubjectPublicKeyInfo, or of an authority's certificate.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// IsFingerprint reports whether s is spelled as a fingerprint is.
func IsFingerprint(s string) bool {
	b64, ok := strings.CutPrefix(s, "SHA256:")
	raw, err := base64.RawStdEncoding.Strict().DecodeString(b64)
	return ok && err == nil && len(raw) == sha256.Size && len(b64) == 43
}

// decode64 accepts the one base64 spelling of any bytes.
func decode64(s string) ([]byte, bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	return b, err == nil && base64.StdEncoding.EncodeToString(b) == s
}

// CheckText refuses what cannot stand as a label or as the words about a revocation:
// nothing, more than [MaxTextRunes] characters, characters that do not print, spaces
// at an end.
func CheckText(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("text is empty")
	case !utf8.ValidString(s):
		return fmt.Errorf("text is not UTF-8")
	case utf8.RuneCountInString(s) > MaxTextRunes:
		return fmt.Errorf("text has more than %d characters", MaxTextRunes)
	case s[0] == ' ' || s[len(s)-1] == ' ':
		return fmt.Errorf("text begins or ends with a space")
	}
	for _, r := range s {
		if r != ' ' && !unicode.IsPrint(r) {
			return fmt.Errorf("text contains a character that does not print (%U)", r)
		}
	}
	return nil
}

// checkName refuses what cannot stand on a signature line as a name.
func checkName(s string) error {
	if s == "" || len(s) > 128 || !utf8.ValidString(s) {
		return fmt.Errorf("a signer's name has 1 to 128 bytes of UTF-8")
	}
	for _, r := range s {
		if r == '+' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return fmt.Errorf("a signer's name has no white space, no \"+\" and nothing invisible")
		}
	}
	return nil
}

// parseTime accepts the one spelling of a time.
func parseTime(s string) (time.Time, bool) {
	t, err := time.Parse(timeLayout, s)
	return t, err == nil && CheckTime(t) == nil && t.Format(timeLayout) == s
}

// CheckTime refuses times that no file can have: with fractions of a second, or of a
// year before 1970 or after 9999.
func CheckTime(t time.Time) error {
	if y := t.UTC().Year(); y < 1970 || y > 9999 || t.Nanosecond() != 0 {
		return fmt.Errorf("time is not a whole second of the years 1970 to 9999")
	}
	return nil
}

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// parseDecimal accepts one spelling of 0 to 2^63-1.
func parseDecimal(s string) (uint64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return uint64(n), err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}
