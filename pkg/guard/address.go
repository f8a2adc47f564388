package guard

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops is how many entries of X-Forwarded-For or Forwarded are read, from the right.
const maxHops = 64

// trusted tells whether an address is that of a proxy whose word is taken. The invalid
// address is that of a connection that has none.
func (p *Proxies) trusted(a netip.Addr) bool {
	if !a.IsValid() {
		return p.Unix
	}
	for _, prefix := range p.Trusted {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// plainAddr is a as it is compared: IPv4 whether mapped or not, and without a zone.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// peer returns the address a request's connection comes from; the invalid one if it has none.
func peer(r *http.Request) netip.Addr {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return plainAddr(ap.Addr())
	}
	a, _ := netip.ParseAddr(r.RemoteAddr)
	return plainAddr(a)
}

// client returns the address of the client of a request: the last that a trusted proxy saw
// and that is not itself one. What cannot be read ends the search at the proxy that wrote
// it.
func (p *Proxies) client(r *http.Request) netip.Addr {
	addr := peer(r)
	if !p.trusted(addr) {
		return addr
	}
	field, read := "X-Forwarded-For", readForwardedFor
	if p.Forwarded {
		field, read = "Forwarded", readForwarded
	}
	hops := 0
	lines := r.Header[field]
	for i := len(lines) - 1; i >= 0; i-- {
		line, more := lines[i], true
		for more {
			var entry string
			line, entry, more = cutLast(line)
			if entry == "" {
				continue // an empty element of a list (RFC 9110, Section 5.6.1)
			}
			next, ok := read(entry)
			if hops++; !ok || hops > maxHops {
				return addr
			}
			if addr = next; !p.trusted(addr) {
				return addr
			}
		}
	}
	return addr
}

// cutLast cuts the last element off a list, at the last comma outside of quotes.
func cutLast(list string) (rest, last string, more bool) {
	quoted := false
	for i := len(list) - 1; i >= 0; i-- {
		switch list[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return list[:i], strings.Trim(list[i+1:], " \t"), true
			}
		}
	}
	return "", strings.Trim(list, " \t"), false
}

// readForwardedFor reads an element of X-Forwarded-For: an address, or, as some proxies write
// it, one with a port.
func readForwardedFor(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		if err != nil {
			return bracketed(s)
		}
		a = ap.Addr()
	}
	return plainAddr(a), true
}

// bracketed reads an IPv6 address in brackets.
func bracketed(s string) (netip.Addr, bool) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(s[1 : len(s)-1])
	return plainAddr(a), err == nil && a.Is6()
}

// readForwarded reads the node of a forwarded-element's "for" parameter (RFC 7239,
// Sections 4 and 6). "unknown" and obfuscated nodes are none.
func readForwarded(s string) (netip.Addr, bool) {
	var node string
	found := false
	for pair := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
		if ok && strings.EqualFold(name, "for") {
			if found {
				return netip.Addr{}, false
			}
			node, found = value, true
		}
	}
	if len(node) >= 2 && node[0] == '"' && node[len(node)-1] == '"' {
		node = node[1 : len(node)-1]
	}
	return readForwardedFor(node)
}
