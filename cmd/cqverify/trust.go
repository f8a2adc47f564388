package main

import (
	"time"

	"cqkit/pkg/report"
	"cqkit/pkg/seal"
	"cqkit/pkg/trust"
)

// standing is what the trust in the signer's key comes down to, in the form that scripts
// rely on. It is absent for a key that counts without more ado.
type standing struct {
	Refused string      `json:"refused,omitempty"` // why the seal does not count
	Revoked *revocation `json:"revoked,omitempty"`
	Proved  *proved     `json:"proved,omitempty"` // how old the seal is at least
}

type revocation struct {
	From   string `json:"from,omitempty"` // absent: from the beginning
	Reason string `json:"reason"`
	Text   string `json:"text,omitempty"`
	Issued string `json:"issued_at"`
}

type proved struct {
	At string `json:"at"`
	By string `json:"by"`
}

func newStanding(s seal.Standing) *standing {
	if s == (seal.Standing{}) {
		return nil
	}
	v := new(standing)
	if s.Refusal != nil {
		v.Refused = map[trust.Why]string{trust.TooEarly: "too_early", trust.TooLate: "too_late", trust.Revoked: "revoked"}[s.Refusal.Why]
	}
	if r := s.Revoked; r != nil {
		v.Revoked = &revocation{Reason: string(r.Reason), Text: r.Text, Issued: r.Issued.UTC().Format(timeLayout)}
		if !r.From.IsZero() {
			v.Revoked.From = r.From.UTC().Format(timeLayout)
		}
	}
	if p := s.Proof; p != nil {
		v.Proved = &proved{p.Time.UTC().Format(time.RFC3339Nano), p.By}
	}
	return v
}

// meaning says what a refusal comes down to, for whoever has not read the manual.
func (s *standing) meaning() string {
	switch s.Refused {
	case "revoked":
		if s.Revoked.From == "" {
			return "The signature holds, but nothing that this key ever signed counts."
		}
		return "The signature holds, but whoever has a revoked key can still sign, and claim any time. Only somebody else's " +
			"word for how old the seal is would help: a witness's cosignature or a timestamp from before the revocation, " +
			"attached with \"cqsign attest\"."
	case "too_early", "too_late":
		return "The signature holds, but the key counts only for what was signed in its time."
	}
	return ""
}

// fields are the lines about it on a page.
func (s *standing) fields() (fields report.Fields) {
	if r := s.Revoked; r != nil {
		from := "from the beginning"
		if r.From != "" {
			from = "as of " + utc(r.From)
		}
		text := r.Reason
		if r.Text != "" {
			text += ": " + r.Text
		}
		fields = append(fields, report.Field{Name: "revoked", Value: report.String(from + ", " + text).As(report.Odd)})
	}
	if p := s.Proved; p != nil {
		fields = append(fields, report.Field{Name: "attested", Value: report.String("not later than " + utc(p.At) + ", by " + p.By)})
	}
	return fields
}
