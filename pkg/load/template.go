package load

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// A template is text with variables in it.
type template []part

// A part is text, or a variable after it.
type part struct {
	text     string
	variable variable
	from     int64  // int
	span     uint64 // int: how many values there are, 0 for 2^64; hex: how many digits
	words    []string
}

type variable uint8

const (
	noVariable variable = iota
	sequence
	integer
	pick
	hexDigits
	uuid
)

// maxDigits bounds {{hex N}}.
const maxDigits = 1 << 16

// template parses text for variables, if they are asked for.
func (c *compiler) template(s string) (template, error) {
	if s == "" {
		return nil, nil
	}
	var t template
	for c.templates {
		before, rest, ok := strings.Cut(s, "{{")
		if !ok {
			break
		}
		name, after, ok := strings.Cut(rest, "}}")
		if !ok {
			return nil, fmt.Errorf("%q has no end", "{{"+rest)
		}
		p, err := parseVariable(name)
		if err != nil {
			return nil, err
		}
		p.text = before
		t = append(t, p)
		s = after
	}
	return append(t, part{text: s}), nil
}

// withoutVariables returns the text of s alone.
func withoutVariables(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "{{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, s, _ = strings.Cut(rest, "}}")
	}
}

func parseVariable(s string) (part, error) {
	bad := func(want string) (part, error) {
		return part{}, fmt.Errorf("variable %q is not one such as %s", "{{"+s+"}}", want)
	}
	words := strings.Fields(s)
	if len(words) == 0 {
		return bad("{{seq}}")
	}
	args := words[1:]
	switch words[0] {
	case "seq":
		if len(args) != 0 {
			return bad("{{seq}}")
		}
		return part{variable: sequence}, nil
	case "uuid":
		if len(args) != 0 {
			return bad("{{uuid}}")
		}
		return part{variable: uuid}, nil
	case "int":
		if len(args) != 2 {
			return bad("{{int 1 100}}")
		}
		from, err1 := strconv.ParseInt(args[0], 10, 64)
		to, err2 := strconv.ParseInt(args[1], 10, 64)
		if err1 != nil || err2 != nil || from > to {
			return bad("{{int 1 100}}")
		}
		return part{variable: integer, from: from, span: uint64(to) - uint64(from) + 1}, nil
	case "hex":
		if len(args) != 1 {
			return bad("{{hex 16}}")
		}
		n, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil || n < 1 || n > maxDigits {
			return bad("{{hex 16}}")
		}
		return part{variable: hexDigits, span: n}, nil
	case "pick":
		if len(args) == 0 {
			return bad("{{pick red green}}")
		}
		return part{variable: pick, words: args, span: uint64(len(args))}, nil
	}
	return bad("{{seq}}, {{int 1 100}}, {{pick red green}}, {{hex 16}} or {{uuid}}")
}

// constant tells whether there are no variables.
func (t template) constant() bool { return len(t) == 0 || len(t) == 1 && t[0].variable == noVariable }

// values are where a request's variables come from: a function of the seed, the request's
// number and the variable's place in the request.
type values struct{ seed, index, place uint64 }

// next is SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014) started from a mix
// of all three.
func (v *values) next() uint64 {
	v.place++
	return mix(mix(v.seed+0x9e3779b97f4a7c15) ^ mix(v.index*0x9e3779b97f4a7c15+v.place*0xd1342543de82ef95))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number below n, any if n is 0. The bias of multiplying is n/2^64.
func (v *values) below(n uint64) uint64 {
	x := v.next()
	if n == 0 {
		return x
	}
	hi, _ := bits.Mul64(x, n)
	return hi
}

// append appends the text with the variables' values.
func (t template) append(b []byte, v *values) []byte {
	for i := range t {
		p := &t[i]
		b = append(b, p.text...)
		switch p.variable {
		case sequence:
			b = strconv.AppendUint(b, v.index, 10)
		case integer:
			b = strconv.AppendInt(b, int64(uint64(p.from)+v.below(p.span)), 10)
		case pick:
			b = append(b, p.words[v.below(p.span)]...)
		case hexDigits:
			for n := int(p.span); n > 0; n -= 16 {
				var d [16]byte
				hex.Encode(d[:], binary.BigEndian.AppendUint64(nil, v.next()))
				b = append(b, d[:min(n, 16)]...)
			}
		case uuid: // RFC 9562, section 5.4
			hi, lo := v.next()&^0xf000|0x4000, v.next()&^(3<<62)|1<<63
			var raw [16]byte
			binary.BigEndian.PutUint64(raw[:8], hi)
			binary.BigEndian.PutUint64(raw[8:], lo)
			var d [36]byte
			hex.Encode(d[:8], raw[:4])
			hex.Encode(d[9:13], raw[4:6])
			hex.Encode(d[14:18], raw[6:8])
			hex.Encode(d[19:23], raw[8:10])
			hex.Encode(d[24:], raw[10:])
			d[8], d[13], d[18], d[23] = '-', '-', '-', '-'
			b = append(b, d[:]...)
		}
	}
	return b
}
