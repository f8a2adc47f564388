package trust

import (
	"fmt"
	"time"
)

// Why says why a key does not count.
type Why string

// The reasons not to count.
const (
	Unknown  Why = "unknown"   // nobody named it
	TooEarly Why = "too early" // before its window
	TooLate  Why = "too late"  // after its window
	Revoked  Why = "revoked"   // and nothing shows that it was not yet
)

// A Refusal says why something does not count that a key signed.
type Refusal struct {
	Why         Why
	Fingerprint string
	Key         *Key      // nil if unknown
	At          time.Time // the time that was asked about
	Claimed     bool      // which is the signer's claim
	Revocation  *Revocation
	Proof       *Proof // that was not old enough
}

// Error says it in one sentence.
func (e *Refusal) Error() string {
	at := "it is now " + words(e.At)
	if e.Claimed {
		at = "the time of signing is claimed to be " + words(e.At)
	}
	switch e.Why {
	case TooEarly:
		return fmt.Sprintf("the key counts only since %s, and %s", words(e.Key.Since), at)
	case TooLate:
		return fmt.Sprintf("the key counted only until %s, and %s", words(e.Key.Until), at)
	case Revoked:
		text := "the key was revoked " + e.Revocation.String()
		switch {
		case !e.Claimed || e.Revocation.From.IsZero():
		case e.Proof != nil:
			text += fmt.Sprintf(", and that the signature was there is shown only for %s, by %s", words(e.Proof.Time), e.Proof.By)
		case !e.At.Before(e.Revocation.From):
			text += fmt.Sprintf(", and by the signer's own claim this was signed after that, at %s", words(e.At))
		default:
			text += fmt.Sprintf(", and nothing but the signer's claim (%s) says that this was signed before", words(e.At))
		}
		return text
	}
	return fmt.Sprintf("the key %s is not among the keys given", e.Fingerprint)
}

// String says since when and why: "as of 2026-11-18 00:00:00 UTC (compromised: laptop
// stolen)".
func (v *Revocation) String() string {
	from := "as of " + words(v.From)
	if v.From.IsZero() {
		from = "from the beginning"
	}
	if v.Text != "" {
		return fmt.Sprintf("%s (%s: %s)", from, v.Reason, v.Text)
	}
	return fmt.Sprintf("%s (%s)", from, v.Reason)
}

// words formats a time for people, with fractions of a second only where there are any.
func words(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999") + " UTC" }
