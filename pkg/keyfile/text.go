package keyfile

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxLabelRunes is the greatest length of a label, in characters.
const MaxLabelRunes = 100

// CheckLabel refuses labels that a file cannot carry: more than MaxLabelRunes
// characters, characters that do not print, spaces at an end. "" is fine and
// means no label.
func CheckLabel(label string) error {
	switch {
	case !utf8.ValidString(label):
		return fmt.Errorf("label %q is not UTF-8", label)
	case utf8.RuneCountInString(label) > MaxLabelRunes:
		return fmt.Errorf("label has %d characters, at most %d fit", utf8.RuneCountInString(label), MaxLabelRunes)
	case strings.TrimSpace(label) != label:
		return fmt.Errorf("label %q begins or ends with a space", label)
	}
	for _, r := range label {
		if !unicode.IsPrint(r) { // printable excludes every space but U+0020
			return fmt.Errorf("label %q has a character that does not print", label)
		}
	}
	return nil
}

// The types of PEM block.
const (
	typePublic    = "PUBLIC KEY"
	typePrivate   = "PRIVATE KEY"
	typeProtected = "ENCRYPTED PRIVATE KEY"
)

// document is a PEM file, before its keys are looked at.
type document struct {
	Comments
	kind        Kind   // what the comment claims; 0 without one
	fingerprint string // what the comment claims; "" without one
	typ         string // of all blocks
	blocks      [][]byte
}

func (d *document) wipe() {
	for _, b := range d.blocks {
		clear(b)
	}
}

const (
	prefixLabel       = "# label: "
	prefixCreated     = "# created: "
	prefixAlgorithm   = "# algorithm: "
	prefixFingerprint = "# fingerprint: "
	beginMark         = "-----BEGIN "
)

// prefixes are those of the comments in their order.
var prefixes = []string{prefixLabel, prefixCreated, prefixAlgorithm, prefixFingerprint}

func (d *document) marshal() []byte {
	var out bytes.Buffer
	if d.Label != "" {
		fmt.Fprintf(&out, "%s%s\n", prefixLabel, d.Label)
	}
	if !d.Created.IsZero() {
		fmt.Fprintf(&out, "%s%s\n", prefixCreated, d.Created.UTC().Format(time.RFC3339))
	}
	if d.kind != 0 {
		fmt.Fprintf(&out, "%s%s\n", prefixAlgorithm, d.kind.Algorithm())
	}
	if d.fingerprint != "" {
		fmt.Fprintf(&out, "%s%s\n", prefixFingerprint, d.fingerprint)
	}
	for _, b := range d.blocks {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: d.typ, Bytes: b}))
	}
	return out.Bytes()
}

// parseDocument reads the text of a PEM file: comments in their order, then one
// or two blocks of one type. It ends by writing the same document again, which
// must give the same text.
func parseDocument(text []byte) (*document, error) {
	if bytes.Contains(text, []byte("\r\n")) {
		if bytes.Count(text, []byte("\r")) != bytes.Count(text, []byte("\r\n")) ||
			bytes.Count(text, []byte("\n")) != bytes.Count(text, []byte("\r\n")) {
			return nil, fmt.Errorf("the file mixes line ends")
		}
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(bytes.Clone(text), '\n')
	}
	d := &document{}
	rest, err := d.parseComments(text)
	if err != nil {
		return nil, err
	}
	for len(rest) > 0 {
		line := 1 + bytes.Count(text[:len(text)-len(rest)], []byte("\n"))
		if !bytes.HasPrefix(rest, []byte(beginMark)) {
			return nil, fmt.Errorf("line %d: text where a PEM block or the end is expected", line)
		}
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, fmt.Errorf("line %d: the PEM block is damaged or incomplete", line)
		}
		d.blocks = append(d.blocks, block.Bytes)
		if err := checkType(block.Type); err != nil {
			d.wipe()
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if d.typ != "" && d.typ != block.Type || len(d.blocks) > 2 {
			d.wipe()
			return nil, fmt.Errorf("line %d: a file has one key, not also another %s", line, block.Type)
		}
		d.typ = block.Type
		if !bytes.Equal(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}), rest[:len(rest)-len(after)]) {
			d.wipe()
			return nil, fmt.Errorf("line %d: the PEM block is not in strict form (RFC 7468): "+
				"no headers, lines of 64 characters, nothing between", line)
		}
		rest = after
	}
	if len(d.blocks) == 0 {
		return nil, fmt.Errorf("there is no PEM block")
	}
	return d, nil
}

func checkType(typ string) error {
	switch typ {
	case typePublic, typePrivate, typeProtected:
		return nil
	case "CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE", "CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST":
		return ErrCertificate
	}
	return fmt.Errorf("a PEM block of type %q is no key that cqkit reads", typ)
}

// parseComments reads the lines before the first block.
func (d *document) parseComments(text []byte) (rest []byte, err error) {
	last := -1
	for n := 1; ; n++ {
		if len(text) == 0 || bytes.HasPrefix(text, []byte(beginMark)) {
			return text, nil
		}
		end := bytes.IndexByte(text, '\n')
		line := string(text[:end])
		text = text[end+1:]
		i := slices.IndexFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) })
		if i < 0 {
			if hasCertificate(line, text) {
				return nil, ErrCertificate
			}
			return nil, fmt.Errorf("line %d: text that is neither a comment of a key file nor PEM", n)
		}
		prefix, value := prefixes[i], line[len(prefixes[i]):]
		if i <= last {
			return nil, fmt.Errorf("line %d: %q is out of order", n, strings.TrimSpace(prefix))
		}
		last = i
		if err := d.comment(prefix, value); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
}

// hasCertificate recognises `openssl x509 -text`, where text comes first.
func hasCertificate(line string, text []byte) bool {
	return strings.HasPrefix(line, "Certificate:") || bytes.Contains(text, []byte("-----BEGIN CERTIFICATE-----"))
}

func (d *document) comment(prefix, value string) error {
	switch prefix {
	case prefixLabel:
		if value == "" {
			return fmt.Errorf("the label is empty")
		}
		d.Label = value
		return CheckLabel(value)
	case prefixCreated:
		t, err := time.Parse("2006-01-02T15:04:05Z", value)
		if err != nil || t.IsZero() || t.Format(time.RFC3339) != value {
			return fmt.Errorf("%q is not a UTC time such as 2026-11-21T02:10:00Z", value)
		}
		d.Created = t
	case prefixAlgorithm:
		i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.Algorithm() == value })
		if i < 0 {
			return fmt.Errorf("%q is no algorithm of cqkit", value)
		}
		d.kind = Kinds()[i]
	case prefixFingerprint:
		if !isFingerprint(value) {
			return fmt.Errorf("%q is not a fingerprint", value)
		}
		d.fingerprint = value
	}
	return nil
}
