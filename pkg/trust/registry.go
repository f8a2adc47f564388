package trust

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Registry is what a verifier trusts, put together from files, lists and single keys.
// The zero Registry trusts nothing. Adding to it and asking it must not overlap; any
// number of goroutines may ask.
type Registry struct {
	keys        map[string]*Key
	roots       map[string]*Root
	revoked     map[string]*Revocation // by fingerprint, those that go back furthest
	witnesses   []*Witness
	authorities []*Authority
}

// AddKey adds a key that counts. One that is there already counts where both agree,
// under the label it has, if it has one.
func (r *Registry) AddKey(k *Key) {
	if r.keys == nil {
		r.keys = map[string]*Key{}
	}
	c := *k
	if old := r.keys[k.Fingerprint]; old != nil {
		if old.Label != "" {
			c.Label = old.Label
		}
		if old.Since.After(c.Since) {
			c.Since = old.Since
		}
		if c.Until.IsZero() || !old.Until.IsZero() && old.Until.Before(c.Until) {
			c.Until = old.Until
		}
	}
	r.keys[k.Fingerprint] = &c
}

// AddFile adds what a trust file names, and checks its revocation list.
func (r *Registry) AddFile(f *File, verify Verify) error {
	if root := f.Root; root != nil {
		if r.roots == nil {
			r.roots = map[string]*Root{}
		}
		if r.roots[root.Fingerprint] == nil {
			c := *root
			c.Revoked = nil
			r.roots[root.Fingerprint] = &c
		}
		if root.Revoked != nil {
			if err := r.AddList(root.Revoked, verify); err != nil {
				return err
			}
		}
	}
	for _, k := range f.Keys {
		r.AddKey(k)
	}
	for _, w := range f.Witnesses {
		if !slices.ContainsFunc(r.witnesses, func(o *Witness) bool { return o.String() == w.String() }) {
			r.witnesses = append(r.witnesses, w)
		}
	}
	for _, a := range f.Authorities {
		if !slices.ContainsFunc(r.authorities, func(o *Authority) bool { return o.Fingerprint == a.Fingerprint }) {
			r.authorities = append(r.authorities, a)
		}
	}
	return nil
}

// AddList adds the revocation list of a root that was named. Of two lists of one root
// the longer counts, if it goes on from the shorter; else the error is [ErrFork]. A list
// whose signature does not hold is [ErrBadSignature].
func (r *Registry) AddList(l *List, verify Verify) error {
	root := r.roots[l.Root]
	if root == nil {
		return fmt.Errorf("the revocation list is of the root %s, which no trust file given names", l.Root)
	}
	if err := l.Verify(root.DER, verify); err != nil {
		return err
	}
	switch old := root.Revoked; {
	case old == nil || l.Extends(old):
		root.Revoked = l
		r.revoke(l)
	case !old.Extends(l):
		return ErrFork
	}
	return nil
}

// revoke takes in the steps of a list, of which some may be known.
func (r *Registry) revoke(l *List) {
	if r.revoked == nil {
		r.revoked = map[string]*Revocation{}
	}
	for _, s := range l.Steps {
		if v := s.Revoke; v != nil {
			if old := r.revoked[v.Fingerprint]; old == nil || v.From.Before(old.From) {
				r.revoked[v.Fingerprint] = v
			}
		}
	}
}

// Roots returns the roots with the lists that count, sorted by fingerprint.
func (r *Registry) Roots() []*Root {
	var all []*Root
	for _, root := range r.roots {
		all = append(all, root)
	}
	slices.SortFunc(all, func(a, b *Root) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return all
}

// Keys returns all keys, whether they count now or not, sorted by fingerprint.
func (r *Registry) Keys() []*Key {
	var all []*Key
	for _, k := range r.keys {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *Key) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return all
}

// Revoked returns the revocation of a key that goes back furthest, over all roots.
func (r *Registry) Revoked(fingerprint string) (*Revocation, bool) {
	v := r.revoked[fingerprint]
	return v, v != nil
}

// Live says whether a key counts at a time that the caller vouches for: its own clock,
// for what is received on a link. The error is a [*Refusal].
func (r *Registry) Live(fingerprint string, now time.Time) (*Key, error) {
	k := r.keys[fingerprint]
	if k == nil {
		return nil, &Refusal{Why: Unknown, Fingerprint: fingerprint, At: now}
	}
	if v, ok := r.Revoked(fingerprint); ok && !now.Before(v.From) {
		return nil, &Refusal{Why: Revoked, Fingerprint: fingerprint, Key: k, At: now, Revocation: v}
	}
	return k, k.within(now, false)
}

// Signed says whether something counts that a key signed, as the signer claims, at a
// time. proof, if not nil, shows that the signature existed. The error is a [*Refusal];
// for an outcome that rests on the proof, Revoked has the revocation.
func (r *Registry) Signed(fingerprint string, claimed time.Time, proof *Proof) (*Key, error) {
	k := r.keys[fingerprint]
	if k == nil {
		return nil, &Refusal{Why: Unknown, Fingerprint: fingerprint, At: claimed, Claimed: true}
	}
	if v, ok := r.Revoked(fingerprint); ok && (proof == nil || !proof.Time.Before(v.From)) {
		return nil, &Refusal{Why: Revoked, Fingerprint: fingerprint, Key: k, At: claimed, Claimed: true, Revocation: v, Proof: proof}
	}
	return k, k.within(claimed, true)
}

// within returns a refusal unless a time is inside the key's window.
func (k *Key) within(t time.Time, claimed bool) error {
	why := Why("")
	switch {
	case !k.Since.IsZero() && t.Before(k.Since):
		why = TooEarly
	case !k.Until.IsZero() && t.After(k.Until):
		why = TooLate
	default:
		return nil
	}
	return &Refusal{Why: why, Fingerprint: k.Fingerprint, Key: k, At: t, Claimed: claimed}
}
