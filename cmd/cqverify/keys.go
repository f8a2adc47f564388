package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/seal"
)

func needKeys(paths []string) error {
	if len(paths) > 0 {
		return nil
	}
	return cli.Hint(errors.New("no key given"), "name the signer's public key, or a folder of keys, with -k")
}

// loadKeys reads the public keys that count: files of one key or of several, and
// folders of such files.
func loadKeys(paths []string) ([]seal.Key, error) {
	var keys []seal.Key
	seen := make(map[string]bool)
	for _, path := range paths {
		some, err := loadPath(path)
		if err != nil {
			return nil, err
		}
		for _, k := range some {
			if !seen[k.Fingerprint] {
				seen[k.Fingerprint] = true
				keys = append(keys, k)
			}
		}
	}
	return keys, nil
}

func loadPath(path string) ([]seal.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return loadFile(path)
	}
	files, err := filepath.Glob(filepath.Join(globEscape(path), "*.pub"))
	if err != nil {
		return nil, err
	}
	var keys []seal.Key
	for _, f := range files {
		some, err := loadFile(f)
		var kind *wrongKind
		if errors.As(err, &kind) {
			continue // a folder may hold the keys of other uses, too
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, some...)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no public signing key (.pub) in folder %q", path)
	}
	return keys, nil
}

// globEscape makes a folder's name safe in a pattern.
func globEscape(path string) string {
	if os.PathSeparator == '\\' {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// maxTrustFile bounds a file of several keys.
const maxTrustFile = 16 << 20

// loadFile reads a file of one or several public keys, one after another in PEM, each
// with its label before it.
func loadFile(path string) ([]seal.Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxTrustFile {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %d MiB", maxTrustFile>>20)}
	}
	data := new(bytes.Buffer)
	if _, err := data.ReadFrom(f); err != nil {
		return nil, err
	}
	var keys []seal.Key
	for _, part := range split(data.Bytes()) {
		public, err := keyfile.ParsePublic(part)
		switch {
		case errors.Is(err, keyfile.ErrPrivate):
			return nil, cli.Hint(fmt.Errorf("%q: %w", path, err), "give its public half, made by \"cqkeygen public %s\"", path)
		case err != nil:
			return nil, fmt.Errorf("%q: %w", path, err)
		case public.Kind() != keyfile.Sign:
			return nil, &wrongKind{path, public.Kind()}
		}
		keys = append(keys, seal.Key{Public: public.Verifier(), Fingerprint: public.Fingerprint(), Label: public.Label})
	}
	return keys, nil
}

type wrongKind struct {
	path string
	kind keyfile.Kind
}

func (e *wrongKind) Error() string {
	return fmt.Sprintf("%q: a %v key (%s) cannot verify a seal", e.path, e.kind, e.kind.Algorithm())
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
