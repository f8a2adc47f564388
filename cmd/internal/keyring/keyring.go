// Package keyring reads what -k names where signatures are judged: public keys, folders
// of them, trust files and the revocation lists of their roots. A [Ring] is all of that
// together; which of its keys count when is package trust's to say.
package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/trust"
)

// Ring is what a run was told to trust.
type Ring struct {
	// Registry says which keys count and when.
	Registry *trust.Registry

	public map[string]*keyfile.Public
}

// Public returns the key with a fingerprint, nil if it is none of the ring.
func (r *Ring) Public(fingerprint string) *pqsig.PublicKey {
	if p := r.public[fingerprint]; p != nil {
		return p.Verifier()
	}
	return nil
}

// Need returns an error, of usage, if no -k was given.
func Need(paths []string) error {
	if len(paths) > 0 {
		return nil
	}
	return cli.Hint(cli.Usage(errors.New("no key given")), "name the signer's public key, a folder of keys or a trust file with -k")
}

// Load reads what the paths name: files of one public signing key or of several, trust
// files, revocation lists, and folders of such files (.pub, .trust and .revoked).
func Load(paths []string) (*Ring, error) {
	l := &loader{ring: &Ring{Registry: new(trust.Registry), public: map[string]*keyfile.Public{}}}
	for _, path := range paths {
		if err := l.path(path); err != nil {
			return nil, err
		}
	}
	for _, list := range l.lists { // which need their roots
		if err := l.ring.Registry.AddList(list.list, Verify); err != nil {
			return nil, named(list.path, err)
		}
	}
	return l.ring, nil
}

// loader is a ring in the making.
type loader struct {
	ring  *Ring
	lists []listAt
}

type listAt struct {
	path string
	list *trust.List
}

func (l *loader) path(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return l.file(path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if !slices.Contains([]string{".pub", ".trust", ".revoked"}, filepath.Ext(e.Name())) {
			continue
		}
		err := l.file(filepath.Join(path, e.Name()))
		var kind *wrongKind
		if errors.As(err, &kind) && filepath.Ext(e.Name()) == ".pub" {
			continue // a folder may hold the keys of other uses, too
		}
		if err != nil {
			return err
		}
		found = true
	}
	if !found {
		return fmt.Errorf("no public signing key (.pub) in folder %q", path)
	}
	return nil
}

func (l *loader) file(path string) error {
	data, err := Read(path)
	if err != nil {
		return err
	}
	switch {
	case trust.IsFile(data):
		f, err := trust.ParseFile(data)
		if err == nil {
			err = l.trust(f)
		}
		return named(path, err)
	case trust.IsList(data):
		list, err := trust.ParseList(data)
		l.lists = append(l.lists, listAt{path, list})
		return named(path, err)
	}
	for _, part := range split(data) {
		public, err := keyfile.ParsePublic(part)
		switch {
		case errors.Is(err, keyfile.ErrPrivate):
			return cli.Hint(named(path, err), "give its public half, made by \"cqkeygen public %s\"", path)
		case err != nil:
			return named(path, err)
		case public.Kind() != keyfile.Sign:
			return named(path, &wrongKind{public.Kind()})
		}
		l.add(public, &trust.Key{Fingerprint: public.Fingerprint(), Label: public.Label, DER: public.DER()})
	}
	return nil
}

func (l *loader) add(public *keyfile.Public, key *trust.Key) {
	l.ring.public[key.Fingerprint] = public
	l.ring.Registry.AddKey(key)
}

// trust adds a trust file, of which every key must be one this program knows.
func (l *loader) trust(f *trust.File) error {
	for _, k := range f.Keys {
		public, err := SigningKey(k)
		if err != nil {
			return err
		}
		l.ring.public[k.Fingerprint] = public
	}
	return l.ring.Registry.AddFile(f, Verify)
}

// SigningKey parses a key of a trust file, which must be one for signing.
func SigningKey(k *trust.Key) (*keyfile.Public, error) {
	public, err := keyfile.ParsePublicDER(k.DER)
	if err == nil && public.Kind() != keyfile.Sign {
		err = &wrongKind{public.Kind()}
	}
	if err != nil {
		return nil, fmt.Errorf("key %s: %w", k.Fingerprint, err)
	}
	return public, nil
}

// Verify checks a root's signature; it is a [trust.Verify].
func Verify(der []byte, context string, msg, sig []byte) error {
	public, err := keyfile.ParsePublicDER(der)
	if err != nil {
		return err
	}
	if public.Kind() != keyfile.Root {
		return &wrongKind{public.Kind()}
	}
	return public.Verifier().Verify(msg, context, sig)
}

// Read reads a file that can be no larger than a trust file.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, trust.MaxBytes+1))
	if err == nil && len(data) > trust.MaxBytes {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %d MiB", trust.MaxBytes>>20)}
	}
	return data, err
}

// wrongKind is a key that signs neither seals nor commands.
type wrongKind struct{ kind keyfile.Kind }

func (e *wrongKind) Error() string {
	if e.kind == keyfile.Root {
		return fmt.Sprintf("a root key (%s) signs no seals and no commands, it revokes: name it in a trust file", e.kind.Algorithm())
	}
	return fmt.Sprintf("a %v key (%s) signs no seals and no commands", e.kind, e.kind.Algorithm())
}

func named(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%q: %w", path, err)
}

// split cuts a file of several PEM keys behind each "-----END" line.
func split(data []byte) [][]byte {
	var parts [][]byte
	start, at := 0, 0
	for line := range bytes.Lines(data) {
		at += len(line)
		if bytes.HasPrefix(line, []byte("-----END ")) && len(bytes.TrimSpace(data[at:])) > 0 {
			parts = append(parts, data[start:at])
			start = at
		}
	}
	return append(parts, data[start:])
}
