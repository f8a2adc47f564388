package seal

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cqkit/pkg/trust"
)

const (
	cosignatureType = "CQKIT COSIGNATURE"
	timestampType   = "CQKIT TIMESTAMP"

	// MaxAttestations is the greatest number of attestations of a seal.
	MaxAttestations = 64
)

// Standing is what the trust in a key comes down to for one seal.
type Standing struct {
	Refusal *trust.Refusal    // why the seal does not count although its signature holds, else nil
	Revoked *trust.Revocation // that the key was revoked, whether the seal counts or not
	Proof   *trust.Proof      // how old the seal is at least, as others attest; nil if nothing shows it
}

// Text returns the note's signed text.
func (n *Note) Text() []byte { return bytes.Clone(n.text) }

// Whole returns the whole note: text, empty line and signature line.
func (n *Note) Whole() []byte { return n.encode() }

// Attach appends attestations of a seal's last note to the seal, without those it has
// already. It verifies none of them.
func Attach(data []byte, attestations ...trust.Attestation) ([]byte, error) {
	p, err := Parse(data)
	switch {
	case err != nil:
		return nil, err
	case p.Torn:
		return nil, errors.New("the seal ends inside a note")
	case p.attestErr != nil || p.TilesErr != nil:
		return nil, errors.New("the seal is damaged behind its last note")
	}
	data = bytes.Clone(data)
	for i, a := range attestations {
		if slices.ContainsFunc(append(p.Attestations, attestations[:i]...), a.Equal) {
			continue
		}
		data = append(data, encodeAttestation(a)...)
	}
	if p, err = Parse(data); err == nil {
		err = p.attestErr
	}
	return data, err
}

func encodeAttestation(a trust.Attestation) []byte {
	if a.Cosignature != nil {
		return pem.EncodeToMemory(&pem.Block{Type: cosignatureType, Bytes: []byte(a.Cosignature.String() + "\n")})
	}
	return pem.EncodeToMemory(&pem.Block{Type: timestampType, Bytes: a.Timestamp})
}

// cutAttestations takes the attestations off the end of what follows the last note and
// returns what stands before them. Damaged ones count for nothing.
func (s *Parsed) cutAttestations(rest []byte) []byte {
	at := attestationsAt(rest)
	blocks := rest[at:]
	for len(blocks) > 0 {
		block, after := pem.Decode(blocks)
		if block == nil || len(s.Attestations) == MaxAttestations || !bytes.Equal(pem.EncodeToMemory(block), blocks[:len(blocks)-len(after)]) {
			s.attestErr = errors.New("an attestation is damaged: it and what follows it is ignored")
			break
		}
		a, err := parseAttestation(block)
		if err != nil {
			s.attestErr = fmt.Errorf("an attestation is ignored, with what follows it: %v", err)
			break
		}
		s.Attestations = append(s.Attestations, a)
		blocks = after
	}
	return rest[:at]
}

// attestationsAt returns where the first attestation begins, at a line of its own.
func attestationsAt(rest []byte) int {
	if holdsNote(rest) {
		return len(rest)
	}
	at := 0
	for line := range bytes.Lines(rest) {
		for _, kind := range []string{cosignatureType, timestampType} {
			if string(line) == "-----BEGIN "+kind+"-----\n" {
				return at
			}
		}
		at += len(line)
	}
	return len(rest)
}

func parseAttestation(b *pem.Block) (a trust.Attestation, err error) {
	switch b.Type {
	case timestampType:
		a.Timestamp = b.Bytes
		if len(b.Bytes) == 0 || len(b.Bytes) > trust.MaxTokenBytes {
			err = errors.New("a timestamp of no possible size")
		}
	case cosignatureType:
		line, ok := strings.CutSuffix(string(b.Bytes), "\n")
		if !ok {
			return a, errors.New("not a signature line")
		}
		a.Cosignature, err = trust.ParseCosignature(line)
	default:
		err = fmt.Errorf("a block of another kind")
	}
	return a, err
}

// checkTrust asks whether what the key signed counts. It returns an error if that settles
// the verdict.
func (v *Verdict) checkTrust(p *Parsed) error {
	if p.attestErr != nil {
		v.warnOnce(p.attestErr.Error())
	}
	r := v.Key.Trust
	if r == nil {
		return nil
	}
	var problems []error
	v.Standing = Standing{}
	v.Proof, problems = r.Date(v.Note.text, v.Note.encode(), p.Attestations)
	v.Revoked, _ = r.Revoked(v.Key.Fingerprint)
	for _, problem := range problems {
		if v.Revoked != nil || !errors.Is(problem, trust.ErrStranger) { // else nothing hangs on it
			v.warnOnce(problem.Error())
		}
	}
	for _, n := range p.Notes {
		if _, err := r.Signed(v.Key.Fingerprint, n.Time, v.Proof); err != nil {
			errors.As(err, &v.Refusal)
			v.Outcome, v.Reason = Untrusted, err.Error()
			return err
		}
	}
	if v.Revoked != nil {
		v.warnOnce(fmt.Sprintf("the key was revoked %s; the seal counts because it was there before, at the latest %s, as shown by %s",
			v.Revoked, v.Proof.Time.Format("2006-01-02 15:04:05.999999 UTC"), v.Proof.By))
	}
	return nil
}

func (v *Verdict) warnOnce(text string) {
	if !slices.Contains(v.Warnings, text) {
		v.warn("%s", text)
	}
}

// CheckNotes checks a seal without its log, as a witness does: that every rule of the
// format is kept and that every note is signed by the key that lookup returns for the
// fingerprint they name. It returns the last note. An error of lookup is returned as it
// is.
func CheckNotes(data []byte, lookup func(fingerprint string) (*Key, error)) (*Note, error) {
	p, err := Parse(data)
	if err != nil {
		return nil, err
	}
	if p.Torn {
		return nil, errors.New("the seal ends inside a note")
	}
	key, err := lookup(p.Last().Key)
	if err != nil {
		return nil, err
	}
	v := &Verdict{Note: p.Last()}
	if err := v.checkKey(p, []Key{*key}); err != nil {
		return nil, err
	}
	return p.Last(), nil
}
