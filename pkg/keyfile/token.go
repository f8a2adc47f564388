package keyfile

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"sync"
	"time"
	"unicode"

	"cqkit/pkg/pqsig"
)

// ErrNoObject means that a token has no object of the name asked for.
var ErrNoObject = errors.New("the token has no such object")

var errTokenExists = fmt.Errorf("the token has an object of this name: %w", fs.ErrExist)

const (
	tokenApplication = "cqkit"
	pinVariable      = "CQKIT_TOKEN_PIN"

	// tokenPatience is how long the tool may take to end once it was told to.
	tokenPatience = 2 * time.Second
	// maxTokenAnswer bounds what is read of what the tool prints.
	maxTokenAnswer = 64 << 10
)

// A TokenStore keeps seeds in PKCS#11 tokens, through OpenSC's pkcs11-tool: seed custody,
// not signing in hardware. No token signs with the algorithms of this module, so the seed
// leaves the token for the memory of the process that signs; docs/key-files.md says what
// that protects against and what not. It is safe for concurrent use.
type TokenStore struct {
	// Tool is the program to run, "pkcs11-tool" if empty.
	Tool string
	// Environ is the environment of the tool, "NAME=value" each, as of os.Environ.
	Environ []string
	// PIN gets the user PIN of a token. It is called once an operation, and its
	// result is overwritten.
	PIN func() ([]byte, error)

	one sync.Mutex // tool at a time: SoftHSM 2 sometimes hides a token from the second
}

// Read reads the private key that a URI names. The object's label becomes the key's.
func (s *TokenStore) Read(ctx context.Context, u *TokenURI) (*Private, error) {
	pin, err := s.pin()
	if err != nil {
		return nil, err
	}
	defer clear(pin)
	return s.read(ctx, u, pin)
}

func (s *TokenStore) read(ctx context.Context, u *TokenURI, pin []byte) (*Private, error) {
	der, err := s.run(ctx, u, pin, nil, "--read-object")
	if err != nil {
		return nil, err
	}
	defer clear(der)
	text := pem.EncodeToMemory(&pem.Block{Type: typePrivate, Bytes: der})
	defer clear(text)
	k, err := ParsePrivate(text, nil)
	if err != nil {
		return nil, fmt.Errorf("what the token holds under this name is no key of cqkit: %w", err)
	}
	if CheckLabel(u.Object) == nil {
		k.Label = u.Object
	}
	return k, nil
}

// Write stores a private key under the name of a URI and reads it back. It refuses to
// if there is an object of that name: the error is fs.ErrExist. A hybrid key, which is two, cannot
// be stored.
func (s *TokenStore) Write(ctx context.Context, u *TokenURI, k *Private) error {
	if k.Kind() == Hybrid {
		return errors.New("a hybrid key is two keys, and a token keeps one seed an object")
	}
	text, err := k.Marshal(PEM, nil)
	if err != nil {
		return err
	}
	defer clear(text)
	block, _ := pem.Decode(text)
	defer clear(block.Bytes)
	pin, err := s.pin()
	if err != nil {
		return err
	}
	defer clear(pin)
	switch data, err := s.run(ctx, u, pin, nil, "--read-object"); {
	case err == nil:
		clear(data)
		return errTokenExists
	case !errors.Is(err, ErrNoObject):
		return err
	}
	if _, err := s.run(ctx, u, pin, block.Bytes, "--write-object", "/dev/stdin", "--private"); err != nil {
		return err
	}
	back, err := s.read(ctx, u, pin)
	if err != nil {
		return fmt.Errorf("the key was stored, but cannot be read back: %w", err)
	}
	defer back.Wipe()
	if back.Fingerprint() != k.Fingerprint() {
		return errors.New("the token gives back another key than was stored")
	}
	return nil
}

func (s *TokenStore) pin() ([]byte, error) {
	if s.PIN == nil {
		return nil, errors.New("no PIN is at hand for the token")
	}
	return s.PIN()
}

// run runs the tool on the object of a URI. The PIN goes to it in its environment, which
// only its user and root can read; arguments are for everyone.
func (s *TokenStore) run(ctx context.Context, u *TokenURI, pin, input []byte, args ...string) ([]byte, error) {
	tool := s.Tool
	if tool == "" {
		tool = "pkcs11-tool"
	}
	args = append(args, "--login", "--pin", "env:"+pinVariable, "--type", "data",
		"--token-label="+u.Token, "--label="+u.Object, "--application-label="+tokenApplication)
	if u.Module != "" {
		args = append(args, "--module="+u.Module)
	}
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = append(s.Environ[:len(s.Environ):len(s.Environ)], pinVariable+"="+string(pin), "LC_ALL=C")
	cmd.Stdin = bytes.NewReader(input)
	cmd.WaitDelay = tokenPatience
	out, complaint := &bounded{most: maxTokenAnswer}, &bounded{most: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, complaint
	s.one.Lock()
	err := cmd.Run()
	s.one.Unlock()
	switch {
	case ctx.Err() != nil:
		clear(out.data)
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%q is not installed: it is part of OpenSC", tool)
	case err != nil:
		clear(out.data)
		return nil, tokenError(string(complaint.data), err)
	case out.over:
		clear(out.data)
		return nil, errors.New("what the token holds under this name is too long for a key")
	}
	return out.data, nil
}

// tokenError says why the tool failed, in its own words where they are not known.
func tokenError(complaint string, err error) error {
	switch {
	case strings.Contains(complaint, "object not found"):
		return ErrNoObject
	case strings.Contains(complaint, "CKR_PIN_INCORRECT"), strings.Contains(complaint, "CKR_PIN_LEN_RANGE"):
		return errors.New("the token refuses the PIN")
	case strings.Contains(complaint, "CKR_PIN_LOCKED"):
		return errors.New("the token is locked after too many wrong PINs")
	case strings.Contains(complaint, "No slot with token"):
		return errors.New("there is no token of this name")
	case strings.Contains(complaint, "Failed to load pkcs11 module"):
		return errors.New("the PKCS#11 library of module-path cannot be loaded")
	}
	line, _, _ := strings.Cut(strings.TrimSpace(complaint), "\n")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	if line == "" {
		return fmt.Errorf("pkcs11-tool: %w", err)
	}
	return fmt.Errorf("pkcs11-tool: %s", line)
}

// bounded keeps the beginning of what is written to it.
type bounded struct {
	data []byte
	most int
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.data == nil {
		b.data = make([]byte, 0, b.most) // never moved, so that it can be wiped
	}
	n := min(len(p), b.most-len(b.data))
	b.data = append(b.data, p[:n]...)
	b.over = b.over || n < len(p)
	return len(p), nil
}

// A TokenSigner signs with a seed that it fetches from a token for each signature and
// wipes behind it. What is in memory between signatures is the PIN, if the store's PIN
// function keeps it. It is as safe for concurrent use as that function.
type TokenSigner struct {
	store  *TokenStore
	uri    *TokenURI
	public *Public
}

// NewTokenSigner reads the public half of the key that a URI names, which must be one for
// signing.
func NewTokenSigner(ctx context.Context, s *TokenStore, u *TokenURI) (*TokenSigner, error) {
	k, err := s.Read(ctx, u)
	if err != nil {
		return nil, err
	}
	defer k.Wipe()
	if k.Signer() == nil {
		return nil, fmt.Errorf("a %v key does not sign", k.Kind())
	}
	return &TokenSigner{s, u, k.Public()}, nil
}

// Public returns the public key.
func (t *TokenSigner) Public() *pqsig.PublicKey { return t.public.Verifier() }

// Sign fetches the seed, signs as [pqsig.PrivateKey.Sign] does, and wipes the seed. It
// refuses if the token has another key by now.
func (t *TokenSigner) Sign(msg []byte, signContext string) ([]byte, error) {
	k, err := t.store.Read(context.Background(), t.uri)
	if err != nil {
		return nil, err
	}
	defer k.Wipe()
	if k.Fingerprint() != t.public.Fingerprint() {
		return nil, errors.New("the token has another key than before")
	}
	return k.Signer().Sign(msg, signContext)
}
