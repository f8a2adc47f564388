package keyfile

import (
	"errors"
	"time"
)

// An Info says what a key file is, without any secret.
type Info struct {
	// Private is whether the file holds a private key.
	Private bool
	// Kind is what the key is for, 0 if a protected file does not say it.
	Kind Kind
	// Fingerprint names the public key. "" means that a protected file does not
	// say it.
	Fingerprint string
	// Known is whether Kind and Fingerprint were computed from the key. If the key
	// is protected and was not opened, they are only what the file claims.
	Known bool
	// Encoding is how the file was written.
	Encoding Encoding
	// Protection says how a passphrase protects the key, "" if none does.
	Protection string
	// Label and Created are the file's comments; nothing authenticates them.
	Label   string
	Created time.Time
}

// Inspect says what a key file is. It checks all that [Parse] checks, except
// what it would need a passphrase for; passphrase may be nil.
func Inspect(data []byte, passphrase PassphraseFunc) (Info, error) {
	f, err := Parse(data, passphrase)
	if errors.Is(err, ErrProtected) {
		return inspectProtected(data)
	}
	if err != nil {
		return Info{}, err
	}
	if f.Private != nil {
		defer f.Private.Wipe()
	}
	info := Info{
		Private:     f.Private != nil,
		Kind:        f.Public.kind,
		Fingerprint: f.Public.Fingerprint(),
		Known:       true,
		Encoding:    f.Encoding,
		Label:       f.Public.Label,
		Created:     f.Public.Created,
	}
	if f.Protected {
		p, err := inspectProtected(data)
		if err != nil {
			return Info{}, err
		}
		info.Protection = p.Protection
	}
	return info, nil
}

func inspectProtected(data []byte) (Info, error) {
	d, err := parseDocument(data)
	if err != nil {
		return Info{}, err
	}
	p, err := parseProtection(d.blocks[0])
	if err != nil {
		return Info{}, err
	}
	return Info{
		Private:     true,
		Kind:        d.kind,
		Fingerprint: d.fingerprint,
		Protection:  p.String(),
		Label:       d.Label,
		Created:     d.Created,
	}, nil
}
