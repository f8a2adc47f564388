package trust

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // RFC 2634 names a certificate by it; nothing rests on it alone
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12} // RFC 2634
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47} // RFC 5035
)

// maxTokenCertificates bounds the search for a chain.
const maxTokenCertificates = 16

// hashes are the digests that count.
var hashes = []struct {
	oid  asn1.ObjectIdentifier
	hash crypto.Hash
	rsa  x509.SignatureAlgorithm
	pss  x509.SignatureAlgorithm
	ec   x509.SignatureAlgorithm
	// what names digest and signature in one
	rsaOID, ecOID asn1.ObjectIdentifier
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256, x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256,
		asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384, x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384,
		asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512, x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512,
		asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}},
}

var (
	oidRSA     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidEC      = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
)

// hashOf returns the digest that an object identifier names.
func hashOf(oid asn1.ObjectIdentifier) (crypto.Hash, error) {
	for _, h := range hashes {
		if h.oid.Equal(oid) {
			return h.hash, nil
		}
	}
	return 0, fmt.Errorf("digest %v is none of SHA-256, SHA-384 and SHA-512", oid)
}

// signatureAlgorithm returns how a signature over a digest is checked.
func signatureAlgorithm(hash crypto.Hash, oid asn1.ObjectIdentifier) (x509.SignatureAlgorithm, error) {
	for _, h := range hashes {
		if h.hash != hash {
			continue
		}
		switch {
		case oid.Equal(oidRSA) || oid.Equal(h.rsaOID):
			return h.rsa, nil
		case oid.Equal(oidPSS):
			return h.pss, nil
		case oid.Equal(oidEC) || oid.Equal(h.ecOID):
			return h.ec, nil
		case oid.Equal(oidEd25519) && hash == crypto.SHA512: // RFC 8419, Section 3
			return x509.PureEd25519, nil
		}
	}
	return 0, fmt.Errorf("signature algorithm %v does not go with the digest, or is not supported", oid)
}

func digest(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

// The structures of CMS (RFC 5652, Section 5).
type (
	contentInfo struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"explicit,tag:0"`
	}
	signedData struct {
		Version int
		Digests asn1.RawValue
		Encap   struct {
			Type    asn1.ObjectIdentifier
			Content []byte `asn1:"explicit,tag:0"`
		}
		Certificates asn1.RawValue `asn1:"optional,tag:0"`
		CRLs         asn1.RawValue `asn1:"optional,tag:1"`
		Signers      []signerInfo  `asn1:"set"`
	}
	signerInfo struct {
		Version   int
		Signer    asn1.RawValue
		Digest    pkix.AlgorithmIdentifier
		Signed    asn1.RawValue `asn1:"optional,tag:0"`
		Algorithm pkix.AlgorithmIdentifier
		Signature []byte
		Unsigned  asn1.RawValue `asn1:"optional,tag:1"`
	}
	attribute struct {
		Type   asn1.ObjectIdentifier
		Values asn1.RawValue `asn1:"set"`
	}
	issuerAndSerial struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}
)

// unmarshal reads one DER value with nothing behind it.
func unmarshal(der []byte, into any, params string) error {
	rest, err := asn1.UnmarshalWithParams(der, into, params)
	if err == nil && len(rest) > 0 {
		err = errors.New("something follows it")
	}
	return err
}

// signedContent is the content of a CMS message, and who signed it.
type signedContent struct {
	content      []byte
	signer       *x509.Certificate
	certificates []*x509.Certificate // in the message
}

// openCMS checks the one signature of a CMS message with the certificate it names, which
// is in it or among others. Whether that certificate counts is not decided here.
func openCMS(der []byte, content asn1.ObjectIdentifier, others []*x509.Certificate) (*signedContent, error) {
	var info contentInfo
	if err := unmarshal(der, &info, ""); err != nil || !info.Type.Equal(oidSignedData) {
		return nil, errors.New("not a CMS SignedData in DER")
	}
	var data signedData
	if err := unmarshal(info.Content.Bytes, &data, ""); err != nil {
		return nil, fmt.Errorf("CMS SignedData: %v", err)
	}
	if !data.Encap.Type.Equal(content) || len(data.Signers) != 1 {
		return nil, errors.New("CMS SignedData of other content, or not of one signer")
	}
	s := &signedContent{content: data.Encap.Content}
	var err error
	if s.certificates, err = x509.ParseCertificates(data.Certificates.Bytes); err != nil {
		return nil, fmt.Errorf("its certificates: %v", err)
	}
	if len(s.certificates) > maxTokenCertificates {
		return nil, fmt.Errorf("more than %d certificates", maxTokenCertificates)
	}
	signer := &data.Signers[0]
	for _, c := range append(s.certificates[:len(s.certificates):len(s.certificates)], others...) {
		if signer.isBy(c) {
			s.signer = c
			break
		}
	}
	if s.signer == nil {
		return nil, fmt.Errorf("its signer's certificate is not in it, and it is %w", ErrStranger)
	}
	return s, signer.verify(s)
}

// isBy reports whether a certificate is the one the signer names.
func (s *signerInfo) isBy(c *x509.Certificate) bool {
	if s.Signer.Class == asn1.ClassContextSpecific && s.Signer.Tag == 0 {
		return len(c.SubjectKeyId) > 0 && bytes.Equal(s.Signer.Bytes, c.SubjectKeyId)
	}
	var id issuerAndSerial
	return unmarshal(s.Signer.FullBytes, &id, "") == nil &&
		bytes.Equal(id.Issuer.FullBytes, c.RawIssuer) && id.Serial.Cmp(c.SerialNumber) == 0
}

// verify checks the signed attributes and the signature over them (RFC 5652, Sections
// 5.4 and 5.6).
func (s *signerInfo) verify(c *signedContent) error {
	hash, err := hashOf(s.Digest.Algorithm)
	if err != nil {
		return err
	}
	algorithm, err := signatureAlgorithm(hash, s.Algorithm.Algorithm)
	if err != nil {
		return err
	}
	if len(s.Signed.FullBytes) == 0 {
		return errors.New("no attributes are signed")
	}
	signed := bytes.Clone(s.Signed.FullBytes)
	signed[0] = asn1.TagSet | 0x20 // signed as a SET OF, sent with an implicit tag
	if err := c.signer.CheckSignature(algorithm, signed, s.Signature); err != nil {
		return errors.New("the signature does not hold")
	}
	values, err := attributes(signed)
	if err != nil {
		return err
	}
	var contentType asn1.ObjectIdentifier
	var messageDigest []byte
	if err := unmarshal(values[oidContentType.String()], &contentType, ""); err != nil || !contentType.Equal(oidTSTInfo) {
		return errors.New("the content type that was signed is another")
	}
	if err := unmarshal(values[oidMessageDigest.String()], &messageDigest, ""); err != nil || !bytes.Equal(messageDigest, digest(hash, c.content)) {
		return errors.New("the digest that was signed is another")
	}
	return signingCertificate(values, c.signer)
}

// attributes returns the one value of each attribute of a SET OF.
func attributes(set []byte) (map[string][]byte, error) {
	var list []attribute
	if err := unmarshal(set, &list, "set"); err != nil {
		return nil, fmt.Errorf("signed attributes: %v", err)
	}
	values := make(map[string][]byte, len(list))
	for _, a := range list {
		name := a.Type.String()
		if _, twice := values[name]; twice {
			return nil, errors.New("an attribute is signed twice")
		}
		values[name] = a.Values.Bytes // one value; unmarshal refuses what follows it
	}
	return values, nil
}

// signingCertificate checks that the certificate is the one that was signed along with
// the content, so that no other of the same key can be put in its place.
func signingCertificate(values map[string][]byte, c *x509.Certificate) error {
	type certID struct {
		Digest pkix.AlgorithmIdentifier `asn1:"optional"` // absent in RFC 2634
		Hash   []byte
		Issuer asn1.RawValue `asn1:"optional"`
	}
	type signingCert struct {
		Certs    []certID
		Policies asn1.RawValue `asn1:"optional"`
	}
	found := false
	for _, version := range []struct {
		oid  asn1.ObjectIdentifier
		hash crypto.Hash
	}{{oidSigningCert, crypto.SHA1}, {oidSigningCertV2, crypto.SHA256}} {
		value, has := values[version.oid.String()]
		if !has {
			continue
		}
		var s signingCert
		if err := unmarshal(value, &s, ""); err != nil || len(s.Certs) == 0 {
			return errors.New("the signing certificate attribute is damaged")
		}
		id, hash := s.Certs[0], version.hash
		if len(id.Digest.Algorithm) > 0 {
			var err error
			if hash, err = hashOf(id.Digest.Algorithm); err != nil || version.hash == crypto.SHA1 {
				return errors.New("the signing certificate is named by a digest that is not supported")
			}
		}
		if !bytes.Equal(id.Hash, digest(hash, c.Raw)) {
			return errors.New("it was signed with another certificate")
		}
		found = true
	}
	if !found {
		return errors.New("the signing certificate is not among what was signed")
	}
	return nil
}
