package trust

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"
)

const (
	fileVersion = "cqkit/trust/v1"

	// MaxEntries is the greatest number of entries of a trust file.
	MaxEntries = 4096

	publicBlock      = "PUBLIC KEY"
	certificateBlock = "CERTIFICATE"
	revokedBlock     = "CQKIT REVOCATIONS"
)

// Key is a key that counts.
type Key struct {
	Fingerprint string    // of DER
	Label       string    // the verifier's own name for the holder, "" for none
	Since       time.Time // from when on it counts; zero is from the beginning
	Until       time.Time // until when, included; zero is for good
	DER         []byte    // SubjectPublicKeyInfo; not looked into here
}

// Root is a key whose revocations count.
type Root struct {
	Fingerprint string
	Label       string
	DER         []byte // SubjectPublicKeyInfo of an SLH-DSA-SHA2-256s key
	Revoked     *List  // nil without a list; its signature is not checked by ParseFile
}

// Authority is a certificate that vouches for RFC 3161 timestamps: of a timestamp
// authority, or of a certification authority above it.
type Authority struct {
	Fingerprint string // SHA-256 of DER
	Label       string
	DER         []byte

	certificate *x509.Certificate
}

// Subject returns the name in the certificate; untrusted text.
func (a *Authority) Subject() string { return a.certificate.Subject.String() }

// Validity returns the window of the certificate.
func (a *Authority) Validity() (from, until time.Time) {
	return a.certificate.NotBefore.UTC(), a.certificate.NotAfter.UTC()
}

// NewAuthority makes an authority of a DER certificate.
func NewAuthority(der []byte, label string) (*Authority, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate: %v", err)
	}
	return &Authority{Fingerprint: Fingerprint(der), Label: label, DER: der, certificate: c}, nil
}

// File is a trust file. The zero File trusts nothing.
type File struct {
	Root        *Root
	Keys        []*Key
	Witnesses   []*Witness
	Authorities []*Authority
}

// IsFile reports whether data begins like a trust file of any version.
func IsFile(data []byte) bool { return strings.HasPrefix(head(data), "cqkit/trust/") }

func head(data []byte) string { return string(data[:min(len(data), 64)]) }

// ParseFile reads a trust file. It accepts exactly what [File.Append] writes; the error
// is a [*ParseError]. The signature of a revocation list in it is not checked:
// [Registry.AddFile] does that. data is not retained.
func ParseFile(data []byte) (*File, error) {
	if len(data) > MaxBytes {
		return nil, &ParseError{0, fmt.Sprintf("the file is larger than %d MiB", MaxBytes>>20)}
	}
	l := &lines{rest: data}
	if line, err := l.next(); err != nil {
		return nil, err
	} else if line != fileVersion {
		if IsFile(data) {
			return nil, l.fail("a trust file of a version this program does not know")
		}
		return nil, l.fail("not a trust file: want the line %q", fileVersion)
	}
	f := new(File)
	seen := map[string]bool{}
	for rank := 0; len(l.rest) > 0; {
		if len(seen) == MaxEntries {
			return nil, l.fail("more than %d entries", MaxEntries)
		}
		if err := l.empty(); err != nil {
			return nil, err
		}
		line, err := l.next()
		if err != nil {
			return nil, err
		}
		word, id, _ := strings.Cut(line, " ")
		if seen[id] {
			return nil, l.fail("the same %s as above", word)
		}
		seen[id] = true
		read, r := f.entry(word)
		if read == nil {
			return nil, l.fail("want a root, key, witness or authority")
		}
		if r < rank || word == "root" && f.Root != nil {
			return nil, l.fail("entries are out of order: one root, keys, witnesses, authorities")
		}
		rank = r
		if err := read(l, id); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// entry returns the function that reads entries of a kind, and the kind's place.
func (f *File) entry(word string) (func(l *lines, id string) error, int) {
	switch word {
	case "root":
		return f.root, 0
	case "key":
		return f.key, 1
	case "witness":
		return f.witness, 2
	case "authority":
		return f.authority, 3
	}
	return nil, 0
}

func (f *File) root(l *lines, id string) (err error) {
	r := &Root{Fingerprint: id}
	if r.Label, err = l.label(); err != nil {
		return err
	}
	if r.DER, err = l.keyed(publicBlock, id); err != nil {
		return err
	}
	if _, err := rootKey(r.DER); err != nil {
		return l.fail("%v", err)
	}
	f.Root = r
	if !l.begins("-----BEGIN ") {
		return nil
	}
	at := l.line
	raw, err := l.block(revokedBlock)
	if err != nil {
		return err
	}
	if r.Revoked, err = ParseList(raw); err != nil {
		return &ParseError{at + 1, "revocation list: " + err.Error()}
	}
	if r.Revoked.Root != r.Fingerprint {
		return &ParseError{at + 1, "the revocation list is of another root"}
	}
	return nil
}

func (f *File) key(l *lines, id string) (err error) {
	k := &Key{Fingerprint: id}
	if k.Label, err = l.label(); err != nil {
		return err
	}
	for _, end := range []struct {
		word string
		t    *time.Time
	}{{"since", &k.Since}, {"until", &k.Until}} {
		if !l.begins(end.word + " ") {
			continue
		}
		s, err := l.field(end.word)
		if err != nil {
			return err
		}
		var ok bool
		if *end.t, ok = parseTime(s); !ok {
			return l.fail("%s is not like %s", end.word, timeLayout)
		}
	}
	if !k.Since.IsZero() && !k.Until.IsZero() && k.Until.Before(k.Since) {
		return l.fail("since is after until")
	}
	k.DER, err = l.keyed(publicBlock, id)
	f.Keys = append(f.Keys, k)
	return err
}

func (f *File) witness(l *lines, id string) error {
	w, err := ParseWitness(id)
	if err != nil {
		return l.fail("%v", err)
	}
	w.Label, err = l.label()
	f.Witnesses = append(f.Witnesses, w)
	return err
}

func (f *File) authority(l *lines, id string) error {
	label, err := l.label()
	if err != nil {
		return err
	}
	der, err := l.keyed(certificateBlock, id)
	if err != nil {
		return err
	}
	a, err := NewAuthority(der, label)
	if err != nil {
		return l.fail("%v", err)
	}
	f.Authorities = append(f.Authorities, a)
	return nil
}

func (l *lines) label() (string, error) {
	if !l.begins("label ") {
		return "", nil
	}
	s, err := l.field("label")
	if err == nil && CheckText(s) != nil {
		err = l.fail("label: %v", CheckText(s))
	}
	return s, err
}

// keyed reads a block whose fingerprint is id.
func (l *lines) keyed(kind, id string) ([]byte, error) {
	if !IsFingerprint(id) {
		return nil, l.fail("%.60q is not a fingerprint, SHA256:<43 base64 digits>", id)
	}
	at := l.line
	der, err := l.block(kind)
	if err == nil && Fingerprint(der) != id {
		err = &ParseError{at + 1, fmt.Sprintf("the block below has the fingerprint %s", Fingerprint(der))}
	}
	return der, err
}

// Append appends the file as docs/trust-format.md has it. It does not check what it
// writes; ParseFile of the result does.
func (f *File) Append(b []byte) []byte {
	b = append(b, fileVersion+"\n"...)
	entry := func(word, id, label string) {
		b = append(b, "\n"+word+" "+id+"\n"...)
		if label != "" {
			b = append(b, "label "+label+"\n"...)
		}
	}
	if r := f.Root; r != nil {
		entry("root", r.Fingerprint, r.Label)
		b = append(b, encodeBlock(publicBlock, r.DER)...)
		if r.Revoked != nil {
			b = append(b, encodeBlock(revokedBlock, r.Revoked.Bytes())...)
		}
	}
	for _, k := range f.Keys {
		entry("key", k.Fingerprint, k.Label)
		if !k.Since.IsZero() {
			b = append(b, "since "+formatTime(k.Since)+"\n"...)
		}
		if !k.Until.IsZero() {
			b = append(b, "until "+formatTime(k.Until)+"\n"...)
		}
		b = append(b, encodeBlock(publicBlock, k.DER)...)
	}
	for _, w := range f.Witnesses {
		entry("witness", w.String(), w.Label)
	}
	for _, a := range f.Authorities {
		entry("authority", a.Fingerprint, a.Label)
		b = append(b, encodeBlock(certificateBlock, a.DER)...)
	}
	return b
}
