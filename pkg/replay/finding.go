package replay

import "fmt"

// Kind says what a finding is about; see docs/replay.md.
type Kind string

// The kinds of findings.
const (
	SignedReplay      Kind = "signed_replay"
	ForgedSignature   Kind = "forged_signature"
	ReplayedStretch   Kind = "replayed_stretch"
	ReplayedCommand   Kind = "replayed_command"
	SecondTransmitter Kind = "second_transmitter"
	Flood             Kind = "flood"
	Clock             Kind = "clock"
	Copied            Kind = "copied"
	Loss              Kind = "loss"
	KeyExposed        Kind = "key_exposed"
)

// Severity says how much a finding matters.
type Severity uint8

// The severities.
const (
	Low    Severity = iota + 1 // worth knowing, no sign of an attack
	Medium                     // an attack, or an unusual but honest set-up
	High                       // hard to explain without an attack or an edited log
)

// String returns "low", "medium" or "high".
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// ParseSeverity is the inverse of String.
func ParseSeverity(s string) (Severity, error) {
	for _, v := range []Severity{Low, Medium, High} {
		if s == v.String() {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q is not one of low, medium, high", s)
}

// Place is where a record stands.
type Place struct {
	Index  int64 // of the record, from 0
	Offset int64 // in bytes
	Time   int64 // of the recorder, µs since 1970 UTC; 0 in raw captures
}

// Source is the sender of a frame as the frame names it.
type Source struct{ System, Component uint8 }

// String returns "system/component".
func (s Source) String() string { return fmt.Sprintf("%d/%d", s.System, s.Component) }

// Finding is one thing that was found, which may be a run of many frames.
type Finding struct {
	Kind     Kind
	Severity Severity

	First, Last Place // the first and the last record of the run
	Count       int64 // how many frames are concerned

	HasSource bool // Source says something
	Source    Source
	Message   string // the first frame's, or the most frequent; "" if it says nothing

	Original    *Place // of First, where it repeats something
	OriginalLog string // the log Original is in; "" for the same one

	// Detail is a sentence for people without a final period. It holds no text
	// from the log.
	Detail string
}
