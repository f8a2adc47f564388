package replay

import (
	"fmt"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// signature counts a checked signature.
func (d *Detector) signature(s *source, f tlog.Frame, at Place, genuine bool) {
	if genuine {
		d.res.Verified++
		return
	}
	d.res.Failed++
	r := d.forged[s.Source]
	if r == nil {
		r = &forged{first: at, message: f.ID()}
		d.forged[s.Source] = r
	}
	r.count++
	r.last = at
}

// mergeWithin is how many records may lie between the replays of one run.
const mergeWithin = 1000

// signedFrame judges a signed frame by its timestamp. It reports whether the frame
// is to be looked at further.
func (d *Detector) signedFrame(s *source, f tlog.Frame, at, original Place, seen, genuine bool) bool {
	sig := mav.ParseSignature(f.Signature())
	id := stream{s.Source, sig.Link}
	how, last := d.signing.judge(id, sig.Stamp, at, seen, genuine)
	if how != replayed {
		return true
	}
	if r := d.replays[id]; r != nil && at.Index-r.Last.Index <= mergeWithin {
		r.Last = at
		r.Count++
		return false
	} else if r != nil {
		d.report(*r)
	}
	r := d.of(s, SignedReplay, High, at, at, 1, f.ID(), "")
	switch {
	case seen:
		o := original
		r.Original = &o
		r.Detail = fmt.Sprintf("signed frames that stood before come again on link %d", sig.Link)
	case last == Place{}:
		r.Detail = fmt.Sprintf("a stream on link %d begins with a signature more than a minute older than the newest accepted", sig.Link)
	default:
		r.Detail = fmt.Sprintf("a signature on link %d is not newer than the last one accepted there, at record %d", sig.Link, last.Index)
	}
	d.replays[id] = &r
	return false
}

// finishSigning reports what signatures say about the whole log.
func (d *Detector) finishSigning() {
	d.res.WrongKey = d.verify != nil && d.res.Signed > 0 && d.res.Verified == 0
	if d.res.WrongKey {
		first := Place{Index: -1}
		last := Place{}
		for _, r := range d.forged {
			if first.Index < 0 || r.first.Index < first.Index {
				first = r.first
			}
			if r.last.Index > last.Index {
				last = r.last
			}
		}
		d.report(Finding{Kind: ForgedSignature, Severity: Medium, First: first, Last: last, Count: d.res.Failed,
			Detail: "the key fits no signed frame: it is the wrong key, or none of them is genuine"})
	} else {
		for _, s := range d.order {
			if r := d.forged[s.Source]; r != nil {
				f := d.of(s, ForgedSignature, High, r.first, r.last, r.count, r.message, "the signature does not hold under the key, with which others verify")
				d.report(f)
			}
		}
	}
	d.unsigned()
	d.damage()
	if n := d.signing.late; n > 0 {
		d.report(Finding{Kind: SignedReplay, Severity: Low, First: d.signing.lateFirst, Last: d.signing.lateLast, Count: n,
			Detail: fmt.Sprintf("%s a little older than the one before, as a network does that reorders; a receiver refuses them", frames(n))})
	}
}

// unsigned reports unsigned frames in a signed session.
func (d *Detector) unsigned() {
	var all, signed int64
	for _, s := range d.order {
		if s.Source != radio {
			all += s.signed + s.unsigned
			signed += s.signed
		}
	}
	for _, s := range d.order {
		if u := &s.unsign; u.between > 0 {
			d.report(d.of(s, ForgedSignature, Medium, u.first, u.last, u.between, u.message,
				fmt.Sprintf("%s without a signature between signed ones of the same source", frames(u.between))))
		}
		others := all - s.unsigned
		if s.signed == 0 && s.unsigned > 0 && signed >= 100 && 10*signed >= 9*others {
			kind := uint32(0)
			for id, r := range s.rates {
				if k := s.rates[kind]; k == nil || r.total > k.total || r.total == k.total && id < kind {
					kind = id
				}
			}
			d.report(d.of(s, ForgedSignature, Medium, s.first, s.last, s.unsigned, kind,
				"a source that never signs in a session where the others do"))
		}
	}
}

// damage reports bytes that are no record in a session whose frames verify: a frame
// whose header was changed is none any more.
func (d *Detector) damage() {
	h := &d.holes
	if h.count == 0 || d.res.Verified < signedLeast || 10*d.res.Verified < 9*d.index {
		return
	}
	f := Finding{Kind: ForgedSignature, Severity: High, First: h.first, Last: h.last, Count: h.count,
		Detail: fmt.Sprintf("%s that are no record, at %s of a log whose frames are signed", count(h.bytes, "byte"), count(h.count, "place"))}
	if h.count == 1 && h.tail {
		f.Severity = Medium
		f.Detail = fmt.Sprintf("%s at the end that are no record, in a log whose frames are signed", count(h.bytes, "byte"))
	}
	d.report(f)
}
