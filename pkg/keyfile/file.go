package keyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"cqkit/pkg/atomicfile"
)

// MaxFileBytes is the greatest size of a key file.
const MaxFileBytes = 64 << 10

// A ModeError says that a private key file is open to others than its owner.
// The key was not read.
type ModeError struct {
	Path string
	Mode fs.FileMode
}

// Error names the file, its mode and the command that mends it.
func (e *ModeError) Error() string {
	return fmt.Sprintf("%q has mode %04o, which lets others at the private key; run: chmod 600 %s",
		e.Path, e.Mode.Perm(), shellQuote(e.Path))
}

// shellQuote makes path one word of a shell command, and safe to show.
func shellQuote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@%=", r)
	}
	if path != "" && path[0] != '-' && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	for _, r := range path {
		if r < ' ' || r == 0x7f || r > '~' { // whatever it is, do not send it to a terminal
			return "FILE"
		}
	}
	if path != "" && path[0] == '-' {
		path = "./" + path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// read returns the bytes of a key file, of at most MaxFileBytes+1 bytes.
func read(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat() // of the file that is open, not of whatever has the name by then
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, &fs.PathError{Op: "read", Path: path, Err: errors.New("is a folder")}
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		clear(data)
		return nil, 0, err
	}
	return data, info.Mode(), nil
}

// CheckMode returns a [*ModeError] if a file of the given mode holds a private key
// and others than the owner may use it. Windows has no such modes; pipes and
// devices are not kept in the file system.
func CheckMode(path string, private bool, mode fs.FileMode) error {
	if !private || runtime.GOOS == "windows" || !mode.IsRegular() || mode.Perm()&0o077 == 0 {
		return nil
	}
	return &ModeError{Path: path, Mode: mode}
}

// ReadPublic reads a public key file; see [ParsePublic]. Errors name the file.
func ReadPublic(path string) (*Public, error) {
	data, _, err := read(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	p, err := ParsePublic(data)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return p, nil
}

// ReadPrivate reads a private key file; see [ParsePrivate]. It returns a
// [*ModeError] for one that others than the owner may use. Errors name the file.
func ReadPrivate(path string, passphrase PassphraseFunc) (*Private, error) {
	f, err := ReadFile(path, passphrase)
	if err != nil {
		return nil, err
	}
	if f.Private == nil {
		return nil, fmt.Errorf("%q: %w", path, ErrPublic)
	}
	return f.Private, nil
}

// ReadFile reads a key file of any kind; see [Parse]. For private keys it has
// the errors of [ReadPrivate].
func ReadFile(path string, passphrase PassphraseFunc) (*File, error) {
	data, mode, err := read(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	if err := CheckMode(path, holdsPrivate(data), mode); err != nil {
		return nil, err
	}
	f, err := Parse(data, passphrase)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	return f, nil
}

// ReadSecret reads a file that holds a secret of another kind, such as the key of a session:
// its first MaxFileBytes + 1 bytes. It returns a [*ModeError] for one that others than
// the owner may use. The caller wipes the result.
func ReadSecret(path string) ([]byte, error) {
	data, mode, err := read(path)
	if err != nil {
		return nil, err
	}
	if err := CheckMode(path, true, mode); err != nil {
		clear(data)
		return nil, err
	}
	return data, nil
}

// holdsPrivate reports whether data is to be treated as a private key, readable
// or not.
func holdsPrivate(data []byte) bool {
	if _, private, ok := rawKind(len(data)); ok && !looksLikePEM(data) {
		return private
	}
	d, err := decode(data)
	if err != nil {
		return false // Parse says why
	}
	defer d.wipe()
	return d.typ != typePublic
}

// InspectFile is [Inspect] for a file. Loose modes are not an error here; the mode
// it returns is for [CheckMode]. Errors name the file.
func InspectFile(path string, passphrase PassphraseFunc) (Info, fs.FileMode, error) {
	data, mode, err := read(path)
	if err != nil {
		return Info{}, 0, err
	}
	defer clear(data)
	info, err := Inspect(data, passphrase)
	if err != nil {
		return Info{}, 0, fmt.Errorf("%q: %w", path, err)
	}
	return info, mode, nil
}

// WritePair stores a key as name.key, with mode 0600, and its public half as
// name.pub. It never overwrites: if either is there it returns an error that is
// [fs.ErrExist] and writes nothing. A passphrase that is not nil protects the
// private key.
//
// Each file appears whole or not at all. If name.pub cannot be written after
// all, name.key stays, since the public half can be made from it again, and
// the error says so.
func WritePair(name string, k *Private, e Encoding, passphrase []byte) error {
	keyPath, pubPath := name+".key", name+".pub"
	key, err := k.Marshal(e, passphrase)
	if err != nil {
		return err
	}
	defer clear(key)
	pub, err := k.Public().Marshal(e)
	if err != nil {
		return err
	}
	keyFile, err := atomicfile.Create(keyPath, 0o600)
	if err != nil {
		return err
	}
	defer keyFile.Close()
	pubFile, err := atomicfile.Create(pubPath, 0o644)
	if err != nil {
		return err
	}
	defer pubFile.Close()
	if _, err := keyFile.Write(key); err != nil {
		return err
	}
	if _, err := pubFile.Write(pub); err != nil {
		return err
	}
	if err := keyFile.Commit(); err != nil {
		return err
	}
	if err := pubFile.Commit(); err != nil {
		return fmt.Errorf("%q was written, its public half not: %w", keyPath, err)
	}
	return nil
}

// WritePrivate stores a private key under path, with mode 0600. It never
// overwrites: if something is there the error is [fs.ErrExist].
func WritePrivate(path string, k *Private, e Encoding, passphrase []byte) error {
	data, err := k.Marshal(e, passphrase)
	if err != nil {
		return err
	}
	defer clear(data)
	return atomicfile.WriteFile(path, data, 0o600, false)
}

// WritePublic stores a public key under path. It never overwrites: if something
// is there the error is [fs.ErrExist].
func WritePublic(path string, p *Public, e Encoding) error {
	data, err := p.Marshal(e)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data, 0o644, false)
}
