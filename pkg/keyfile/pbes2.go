package keyfile

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"go.step.sm/crypto/pemutil"
)

// Bounds on what is read, and the cost of what is written: see
// docs/key-files.md. The iterations bound what a hostile file can cost.
const (
	// MaxPassphraseBytes is the greatest length of a passphrase.
	MaxPassphraseBytes = 1024

	maxIterations        = 10_000_000
	minSalt, maxSalt     = 8, 64
	cbcBlock             = 16
	maxProtectedKeyBytes = 16 << 10
)

var (
	oidPBES2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidScrypt     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11591, 4, 11}
	oidHMACSHA256 = asn1.ObjectIdentifier{1, 2, 840, 113549, 2, 9}

	cbcCiphers = map[string]string{
		"2.16.840.1.101.3.4.1.2":  "AES-128-CBC",
		"2.16.840.1.101.3.4.1.22": "AES-192-CBC",
		"2.16.840.1.101.3.4.1.42": "AES-256-CBC",
	}
)

// CheckPassphrase refuses passphrases that protect nothing or that no file
// could have been made with: "" and more than MaxPassphraseBytes bytes.
func CheckPassphrase(passphrase []byte) error {
	switch {
	case len(passphrase) == 0:
		return fmt.Errorf("the passphrase is empty")
	case len(passphrase) > MaxPassphraseBytes:
		return fmt.Errorf("the passphrase has %d bytes, at most %d fit", len(passphrase), MaxPassphraseBytes)
	}
	return nil
}

// protect encrypts a PrivateKeyInfo under a passphrase.
func protect(der, passphrase []byte) ([]byte, error) {
	if err := CheckPassphrase(passphrase); err != nil {
		return nil, err
	}
	block, err := pemutil.EncryptPKCS8PrivateKey(rand.Reader, der, passphrase, x509.PEMCipherAES256)
	if err != nil {
		return nil, fmt.Errorf("protecting the key: %w", err)
	}
	return block.Bytes, nil
}

// protection is an EncryptedPrivateKeyInfo (RFC 5958, Section 3; RFC 8018,
// Appendix A).
type protection struct {
	Algorithm struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters struct {
			KDF struct {
				Algorithm  asn1.ObjectIdentifier
				Parameters struct {
					Salt       []byte
					Iterations int
					PRF        struct {
						Algorithm  asn1.ObjectIdentifier
						Parameters asn1.RawValue
					}
				}
			}
			Cipher struct {
				Algorithm asn1.ObjectIdentifier
				IV        []byte
			}
		}
	}
	Encrypted []byte
}

// parseProtection reads and checks all that surrounds an encrypted key, before
// any of it costs anything.
func parseProtection(der []byte) (*protection, error) {
	const what = "protected private key"
	// First only the names: what follows them has another shape for another
	// algorithm, and the reason should be the name.
	var names struct {
		Algorithm struct {
			Algorithm  asn1.ObjectIdentifier
			Parameters asn1.RawValue
		}
		Encrypted []byte
	}
	if err := unmarshal(der, &names, what); err != nil {
		return nil, err
	}
	if !names.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, fmt.Errorf("%s uses algorithm %v, only PBES2 is read", what, names.Algorithm.Algorithm)
	}
	var params struct{ KDF, Cipher algorithmIdentifier }
	if err := unmarshal(names.Algorithm.Parameters.FullBytes, &params, what); err != nil {
		return nil, err
	}
	if oid := params.KDF.Algorithm; oid.Equal(oidScrypt) {
		return nil, fmt.Errorf("%s uses scrypt, only PBKDF2 is read", what)
	} else if !oid.Equal(oidPBKDF2) {
		return nil, fmt.Errorf("%s uses key derivation %v, only PBKDF2 is read", what, oid)
	}
	if oid := params.Cipher.Algorithm; cbcCiphers[oid.String()] == "" {
		return nil, fmt.Errorf("%s uses cipher %v, only AES in CBC mode is read", what, oid)
	}
	var kdf struct {
		Salt       asn1.RawValue
		Iterations asn1.RawValue
		PRF        algorithmIdentifier `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(params.KDF.Parameters.FullBytes, &kdf); err != nil {
		return nil, fmt.Errorf("%s: PBKDF2 parameters: %v", what, err)
	}
	if !kdf.PRF.Algorithm.Equal(oidHMACSHA256) {
		return nil, fmt.Errorf("%s uses another hash than SHA-256 in PBKDF2", what)
	}

	var p protection
	if err := unmarshal(der, &p, what); err != nil {
		return nil, err
	}
	k, c := p.Algorithm.Parameters.KDF.Parameters, p.Algorithm.Parameters.Cipher
	switch {
	case k.Iterations < 1 || k.Iterations > maxIterations:
		return nil, fmt.Errorf("%s wants %d iterations of PBKDF2, 1 to %d are accepted", what, k.Iterations, maxIterations)
	case len(k.Salt) < minSalt || len(k.Salt) > maxSalt:
		return nil, fmt.Errorf("%s has a salt of %d bytes, %d to %d are accepted", what, len(k.Salt), minSalt, maxSalt)
	case !bytes.Equal(k.PRF.Parameters.FullBytes, asn1.NullBytes):
		return nil, fmt.Errorf("%s has parameters with its hash, want NULL", what)
	case len(c.IV) != cbcBlock:
		return nil, fmt.Errorf("%s has an IV of %d bytes, want %d", what, len(c.IV), cbcBlock)
	case len(p.Encrypted) == 0 || len(p.Encrypted)%cbcBlock != 0 || len(p.Encrypted) > maxProtectedKeyBytes:
		return nil, fmt.Errorf("%s has %d encrypted bytes", what, len(p.Encrypted))
	}
	again, err := asn1.Marshal(p)
	if err != nil || !bytes.Equal(again, der) {
		return nil, notCanonical(what)
	}
	return &p, nil
}

// String says how the key is protected.
func (p *protection) String() string {
	return fmt.Sprintf("PBKDF2-HMAC-SHA-256 with %d iterations, %s",
		p.Algorithm.Parameters.KDF.Parameters.Iterations,
		cbcCiphers[p.Algorithm.Parameters.Cipher.Algorithm.String()])
}

// unprotect decrypts what protect made. A wrong passphrase gives ErrPassphrase,
// or by a chance of 1 in 256 bytes that are no PrivateKeyInfo.
func unprotect(der, passphrase []byte) ([]byte, error) {
	if _, err := parseProtection(der); err != nil {
		return nil, err
	}
	if err := CheckPassphrase(passphrase); err != nil {
		return nil, err
	}
	plain, err := pemutil.DecryptPKCS8PrivateKey(der, passphrase)
	if err != nil {
		return nil, ErrPassphrase // parseProtection has refused everything else
	}
	var v asn1.RawValue
	if rest, err := asn1.Unmarshal(plain, &v); err != nil || len(rest) > 0 || v.Tag != asn1.TagSequence {
		clear(plain)
		return nil, ErrPassphrase
	}
	return plain, nil
}
