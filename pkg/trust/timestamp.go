package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// MaxTokenBytes is the greatest length of a timestamp token.
const MaxTokenBytes = 64 << 10

var oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

type messageImprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Digest    []byte
}

// tstInfo is RFC 3161, Section 2.4.2.
type tstInfo struct {
	Version  int
	Policy   asn1.ObjectIdentifier
	Imprint  messageImprint
	Serial   *big.Int
	Time     time.Time `asn1:"generalized"`
	Accuracy struct {
		Seconds int `asn1:"optional"`
		Millis  int `asn1:"optional,tag:0"`
		Micros  int `asn1:"optional,tag:1"`
	} `asn1:"optional"`
	Ordering   bool             `asn1:"optional,default:false"`
	Nonce      *big.Int         `asn1:"optional"`
	TSA        asn1.RawValue    `asn1:"optional,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,tag:1"`
}

// TimestampRequest returns the request (RFC 3161, TimeStampReq) for a timestamp on a
// note as it stands in a seal, to be posted to an authority as
// application/timestamp-query.
func TimestampRequest(note []byte) []byte {
	sum := sha256.Sum256(note)
	der, err := asn1.Marshal(struct {
		Version      int
		Imprint      messageImprint
		Certificates bool
	}{1, messageImprint{pkix.AlgorithmIdentifier{Algorithm: hashes[0].oid, Parameters: asn1.NullRawValue}, sum[:]}, true})
	if err != nil {
		panic(err) // of constants and a digest
	}
	return der
}

// TimestampToken returns the token in an authority's answer (TimeStampResp), or der
// itself if it is a token already. It verifies nothing.
func TimestampToken(der []byte) ([]byte, error) {
	if len(der) > MaxTokenBytes {
		return nil, fmt.Errorf("a timestamp of more than %d KiB", MaxTokenBytes>>10)
	}
	var info contentInfo
	if unmarshal(der, &info, "") == nil && info.Type.Equal(oidSignedData) {
		return der, nil
	}
	var response struct {
		Status struct {
			Status  int
			Text    asn1.RawValue  `asn1:"optional"`
			Failure asn1.BitString `asn1:"optional"`
		}
		Token asn1.RawValue `asn1:"optional"`
	}
	if err := unmarshal(der, &response, ""); err != nil {
		return nil, errors.New("neither a timestamp nor an authority's answer (RFC 3161, DER)")
	}
	if response.Status.Status > 1 || len(response.Token.FullBytes) == 0 { // granted, granted with modifications
		return nil, fmt.Errorf("the authority refused: status %d", response.Status.Status)
	}
	if err := unmarshal(response.Token.FullBytes, &info, ""); err != nil || !info.Type.Equal(oidSignedData) {
		return nil, errors.New("the authority's answer holds no CMS SignedData in DER")
	}
	return response.Token.FullBytes, nil
}

// stamp checks a token over a note and returns the latest time at which the note was
// there, and the authority that vouches for it.
func stamp(der, note []byte, authorities []*Authority) (time.Time, *Authority, error) {
	if len(der) > MaxTokenBytes {
		return time.Time{}, nil, fmt.Errorf("it has more than %d KiB", MaxTokenBytes>>10)
	}
	named := make([]*x509.Certificate, len(authorities))
	for i, a := range authorities {
		named[i] = a.certificate
	}
	c, err := openCMS(der, oidTSTInfo, named)
	if err != nil {
		return time.Time{}, nil, err
	}
	var info tstInfo
	if err := unmarshal(c.content, &info, ""); err != nil || info.Version != 1 {
		return time.Time{}, nil, errors.New("its content is not a TSTInfo of version 1")
	}
	for _, e := range info.Extensions {
		if e.Critical {
			return time.Time{}, nil, fmt.Errorf("it has the critical extension %v", e.Id)
		}
	}
	hash, err := hashOf(info.Imprint.Algorithm.Algorithm)
	if err != nil {
		return time.Time{}, nil, err
	}
	if !bytes.Equal(info.Imprint.Digest, digest(hash, note)) {
		return time.Time{}, nil, errors.New("it is about something else")
	}
	a := info.Accuracy
	if a.Seconds < 0 || a.Seconds > 1e9 || a.Millis < 0 || a.Millis > 999 || a.Micros < 0 || a.Micros > 999 {
		return time.Time{}, nil, errors.New("its accuracy is out of range")
	}
	by, err := vouches(c, authorities, info.Time)
	late := time.Duration(a.Seconds)*time.Second + time.Duration(a.Millis)*time.Millisecond + time.Duration(a.Micros)*time.Microsecond
	return info.Time.UTC().Add(late), by, err
}

// Imprinted reports whether a token says that it is about a note. It verifies no
// signature.
func Imprinted(der, note []byte) bool {
	var info contentInfo
	var data signedData
	var t tstInfo
	if unmarshal(der, &info, "") != nil || unmarshal(info.Content.Bytes, &data, "") != nil || unmarshal(data.Encap.Content, &t, "") != nil {
		return false
	}
	hash, err := hashOf(t.Imprint.Algorithm.Algorithm)
	return err == nil && bytes.Equal(t.Imprint.Digest, digest(hash, note))
}

// vouches returns the authority to which the signer's certificate leads up, at the time
// of the token, and checks that it is one for timestamps (RFC 3161, Section 2.3).
func vouches(c *signedContent, authorities []*Authority, at time.Time) (*Authority, error) {
	usage := false
	for _, e := range c.signer.Extensions {
		usage = usage || e.Id.Equal(oidExtKeyUsage) && e.Critical
	}
	if !usage || len(c.signer.ExtKeyUsage) != 1 || c.signer.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.signer.UnknownExtKeyUsage) > 0 {
		return nil, errors.New("its signer's certificate is not for timestamps alone")
	}
	o := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(),
		CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	}
	for _, a := range authorities {
		o.Roots.AddCert(a.certificate)
	}
	for _, other := range c.certificates {
		o.Intermediates.AddCert(other)
	}
	chains, err := c.signer.Verify(o)
	if err != nil {
		return nil, fmt.Errorf("its signer's certificate is vouched for %w as authorities (%v)", ErrStranger, err)
	}
	top := chains[0][len(chains[0])-1]
	for _, a := range authorities {
		if a.certificate.Equal(top) {
			return a, nil
		}
	}
	return nil, fmt.Errorf("its signer's certificate is vouched for %w as authorities", ErrStranger)
}
