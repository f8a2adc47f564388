package seal

import (
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/mod/sumdb/note"

	"cqkit/pkg/pqsig"
	"cqkit/pkg/trust"
)

// signContext is the FIPS 204 context string under which notes are signed. No other
// statement is signed under it.
const signContext = "cqkit/flight-log/v1"

const signatureSize = pqsig.MLDSA87SignatureSize

// Signer is an ML-DSA-87 key that signs, wherever it is kept: a *pqsig.PrivateKey in
// memory, or a *keyfile.TokenSigner, whose seed is in a PKCS#11 token. Public is of the
// same key at every call.
type Signer interface {
	Public() *pqsig.PublicKey
	Sign(msg []byte, context string) ([]byte, error)
}

// SigningKey is a key to seal with.
type SigningKey struct {
	Private     Signer
	Fingerprint string // "SHA256:…" over the public key's SubjectPublicKeyInfo
}

// Key is a public key whose seals count. The caller vouches that the fingerprint is
// that of the key.
type Key struct {
	Public      *pqsig.PublicKey
	Fingerprint string // "SHA256:…" over the SubjectPublicKeyInfo
	Label       string // the verifier's own name for the key's holder, or ""

	// Trust, if set, says when the key counts, and who can show how old a seal is. Without
	// it the key always counts.
	Trust *trust.Registry
}

// KeyHash returns the 4-byte key hash on a signature line: signed-note gives ML-DSA-87
// no algorithm byte, so it is of type 0xFF with a name of its own.
func KeyHash(signer string, public []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(signer + "\n\xffcqkit ML-DSA-87"))
	h.Write(public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// noteKey makes a key a note.Signer or a note.Verifier under a name.
type noteKey struct {
	name    string
	hash    uint32
	private Signer
	public  *pqsig.PublicKey
}

func (k *noteKey) Name() string    { return k.name }
func (k *noteKey) KeyHash() uint32 { return k.hash }

func (k *noteKey) Sign(msg []byte) ([]byte, error) { return k.private.Sign(msg, signContext) }

func (k *noteKey) Verify(msg, sig []byte) bool {
	return k.public.Verify(msg, signContext, sig) == nil
}

// sign signs the note's text and returns the whole note. It sets n.text.
func (n *Note) sign(key SigningKey) ([]byte, error) {
	n.text = n.format()
	return note.Sign(&note.Note{Text: string(n.text)}, &noteKey{
		name:    n.Signer,
		hash:    KeyHash(n.Signer, key.Private.Public().Bytes()),
		private: key.Private,
	})
}

// verify checks the note's signature with key.
func (n *Note) verify(key Key) error {
	msg := make([]byte, 0, len(n.text)+len(n.sig)+len(n.Signer)+8)
	msg = append(msg, n.text...)
	msg = append(msg, "\n"+sigPrefix+n.Signer+" "+n.sig+"\n"...)
	_, err := note.Open(msg, note.VerifierList(&noteKey{
		name:   n.Signer,
		hash:   KeyHash(n.Signer, key.Public.Bytes()),
		public: key.Public,
	}))
	return err
}
