package load

// A pattern is a text to be found in bodies, with the failure function of D. E. Knuth,
// J. H. Morris and V. R. Pratt, "Fast pattern matching in strings", SIAM J. Comput. 6(2),
// 1977: bodies come in pieces and are not kept.
type pattern struct {
	text []byte
	back []int32
}

// newPattern returns the pattern of text, nil for none.
func newPattern(text []byte) *pattern {
	if len(text) == 0 {
		return nil
	}
	p := &pattern{text: text, back: make([]int32, len(text))}
	k := int32(0)
	for i := 1; i < len(text); i++ {
		for k > 0 && text[k] != text[i] {
			k = p.back[k-1]
		}
		if text[k] == text[i] {
			k++
		}
		p.back[i] = k
	}
	return p
}

// A matcher looks for a pattern in what it is fed.
type matcher struct {
	pattern *pattern
	at      int32
	found   bool
}

func (m *matcher) feed(b []byte) {
	if m.pattern == nil || m.found {
		return
	}
	text, back, k := m.pattern.text, m.pattern.back, m.at
	for _, c := range b {
		for k > 0 && text[k] != c {
			k = back[k-1]
		}
		if text[k] == c {
			k++
		}
		if int(k) == len(text) {
			m.found = true
			return
		}
	}
	m.at = k
}

// ok tells whether the pattern was found, or none was looked for.
func (m *matcher) ok() bool { return m.pattern == nil || m.found }
