package guard

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(list ...string) (p []netip.Prefix) {
	for _, s := range list {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

func TestClientAddress(t *testing.T) {
	trusted := prefixes("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")
	for name, c := range map[string]struct {
		remote string
		xff    []string
		fwd    []string
		want   string
		rfc    bool
	}{
		"no proxy":                       {"203.0.113.7:1", nil, nil, "203.0.113.7", false},
		"not trusted":                    {"203.0.113.7:1", []string{"1.1.1.1"}, nil, "203.0.113.7", false},
		"one proxy":                      {"10.0.0.1:1", []string{"203.0.113.7"}, nil, "203.0.113.7", false},
		"forged on the left":             {"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.7"}, nil, "203.0.113.7", false},
		"forged trusted on the left":     {"10.0.0.1:1", []string{"10.9.9.9, 203.0.113.7"}, nil, "203.0.113.7", false},
		"two proxies":                    {"10.0.0.1:1", []string{"1.1.1.1, 203.0.113.7, 10.0.0.2"}, nil, "203.0.113.7", false},
		"two lines":                      {"10.0.0.1:1", []string{"203.0.113.7", "10.0.0.2"}, nil, "203.0.113.7", false},
		"forged line before":             {"10.0.0.1:1", []string{"1.1.1.1", "203.0.113.7"}, nil, "203.0.113.7", false},
		"all trusted":                    {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, nil, "10.0.0.3", false},
		"rubbish":                        {"10.0.0.1:1", []string{"203.0.113.7, x"}, nil, "10.0.0.1", false},
		"rubbish behind a proxy":         {"10.0.0.1:1", []string{"<script>, 10.0.0.2"}, nil, "10.0.0.2", false},
		"empty elements":                 {"10.0.0.1:1", []string{"203.0.113.7, ,", "", " , "}, nil, "203.0.113.7", false},
		"empty":                          {"10.0.0.1:1", []string{""}, nil, "10.0.0.1", false},
		"none":                           {"10.0.0.1:1", nil, nil, "10.0.0.1", false},
		"with a port":                    {"10.0.0.1:1", []string{"203.0.113.7:4711"}, nil, "203.0.113.7", false},
		"IPv6":                           {"10.0.0.1:1", []string{"2001:db8::7"}, nil, "2001:db8::7", false},
		"IPv6 in brackets":               {"10.0.0.1:1", []string{"[2001:db8::7]"}, nil, "2001:db8::7", false},
		"IPv6 with a port":               {"10.0.0.1:1", []string{"[2001:db8::7]:80"}, nil, "2001:db8::7", false},
		"mapped":                         {"10.0.0.1:1", []string{"::ffff:203.0.113.7"}, nil, "203.0.113.7", false},
		"mapped trusted":                 {"[::ffff:10.0.0.1]:1", []string{"203.0.113.7"}, nil, "203.0.113.7", false},
		"mapped peer":                    {"[::ffff:203.0.113.7]:1", nil, nil, "203.0.113.7", false},
		"zone":                           {"[fe80::1%eth0]:1", nil, nil, "fe80::1", false},
		"zone of a proxy":                {"[fd00::1%eth0]:1", []string{"203.0.113.7"}, nil, "203.0.113.7", false},
		"the other field":                {"10.0.0.1:1", nil, []string{"for=1.1.1.1"}, "10.0.0.1", false},
		"RFC 7239":                       {"10.0.0.1:1", []string{"1.1.1.1"}, []string{"for=203.0.113.7;proto=https"}, "203.0.113.7", true},
		"RFC 7239 from the right":        {"10.0.0.1:1", nil, []string{`for=1.1.1.1, For="203.0.113.7:99" ; by=_x , for=10.0.0.2`}, "203.0.113.7", true},
		"RFC 7239, IPv6":                 {"10.0.0.1:1", nil, []string{`for="[2001:db8::7]:80"`}, "2001:db8::7", true},
		"RFC 7239, unknown":              {"10.0.0.1:1", nil, []string{"for=203.0.113.7, for=unknown"}, "10.0.0.1", true},
		"RFC 7239, hidden":               {"10.0.0.1:1", nil, []string{"for=_hidden"}, "10.0.0.1", true},
		"RFC 7239, without for":          {"10.0.0.1:1", nil, []string{"proto=https"}, "10.0.0.1", true},
		"RFC 7239, twice for":            {"10.0.0.1:1", nil, []string{"for=1.1.1.1;for=203.0.113.7"}, "10.0.0.1", true},
		"RFC 7239, open quote left":      {"10.0.0.1:1", nil, []string{`for="1.1.1.1, for=203.0.113.7`}, "203.0.113.7", true},
		"RFC 7239, comma in quotes":      {"10.0.0.1:1", nil, []string{`for="a, for=1.1.1.1"`}, "10.0.0.1", true},
		"a socket":                       {"@", []string{"203.0.113.7"}, nil, "203.0.113.7", false},
		"very many":                      {"10.0.0.1:1", []string{"203.0.113.7" + strings.Repeat(", 10.0.0.2", 100_000)}, nil, "10.0.0.2", false},
		"very many commas":               {"10.0.0.1:1", []string{"203.0.113.7" + strings.Repeat(",", 100_000)}, nil, "203.0.113.7", false},
		"IPv4 in a form few understand":  {"10.0.0.1:1", []string{"0313.0.0.1"}, nil, "10.0.0.1", false},
		"an address with a prefix":       {"10.0.0.1:1", []string{"203.0.113.7/32"}, nil, "10.0.0.1", false},
		"an IPv4 address in brackets":    {"10.0.0.1:1", []string{"[203.0.113.7]"}, nil, "10.0.0.1", false},
		"control characters":             {"10.0.0.1:1", []string{"203.0.113.7\x00"}, nil, "10.0.0.1", false},
		"line breaks that are not there": {"10.0.0.1:1", []string{"203.0.113.7\r\nX: y"}, nil, "10.0.0.1", false},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{}}
		if c.xff != nil {
			r.Header["X-Forwarded-For"] = c.xff
		}
		if c.fwd != nil {
			r.Header["Forwarded"] = c.fwd
		}
		p := Proxies{Trusted: trusted, Forwarded: c.rfc, Unix: true}
		if got := p.client(r); got.String() != c.want {
			t.Errorf("%s: got %v, want %s", name, got, c.want)
		}
	}
	// A socket that is not trusted has no address, and so one limit for all.
	r := &http.Request{RemoteAddr: "@", Header: http.Header{"X-Forwarded-For": {"203.0.113.7"}}}
	if got := (&Proxies{Trusted: trusted}).client(r); got.IsValid() {
		t.Errorf("a socket: got %v", got)
	}
}

// FuzzClientAddress checks that what a client writes cannot become its address: a trusted
// proxy appends the true one, whatever is before.
func FuzzClientAddress(f *testing.F) {
	for _, s := range []string{"", "1.1.1.1", `for="1.1.1.1`, `"`, ",", "10.0.0.1, ", "for=a;for=b,", "[::1", "\\", ";", "1.1.1.1\r\nX: y", strings.Repeat("10.0.0.2,", 100)} {
		f.Add(s, uint64(1), true)
		f.Add(s, uint64(2), false)
	}
	f.Fuzz(func(t *testing.T, forged string, seed uint64, sameLine bool) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var b [16]byte
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		b[0] = 0x20 // no trusted proxy's
		truth := netip.AddrFrom16(b)
		for _, rfc := range []bool{false, true} {
			field, element := "X-Forwarded-For", truth.String()
			if rfc {
				field, element = "Forwarded", `for="[`+truth.String()+`]:1";proto=http`
			}
			lines := []string{forged, element}
			if sameLine {
				lines = []string{forged + ", " + element}
			}
			r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{field: lines}}
			p := Proxies{Trusted: prefixes("10.0.0.0/8"), Forwarded: rfc}
			if got := p.client(r); got != truth {
				t.Errorf("%s %q: got %v, want %v", field, lines, got, truth)
			}
			// Alone it is read without harm.
			p.client(&http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{field: {forged}}})
		}
	})
}
