package report

import (
	"strconv"
	"strings"
)

// Cell is a value in a page. The zero Cell is empty.
type Cell struct {
	shown  string // cleaned, for people
	plain  string // for programs: digits without separators; text as in shown
	number bool
	tone   Tone
	spark  []float64
}

// Tone is how a value is meant. It becomes a colour where there are colours and
// nothing elsewhere, so the words must say the same.
type Tone uint8

// The tones.
const (
	Plain Tone = iota
	Good       // as it should be
	Bad        // the reason for a "no"
	Odd        // worth a look
)

// String returns a cell of text. It is cleaned, see [Clean].
func String(s string) Cell {
	s = Clean(s)
	return Cell{shown: s, plain: s}
}

// Int returns a cell with a number, shown as 12,001.
func Int[T ~int | ~int8 | ~int16 | ~int32 | ~int64](n T) Cell {
	s := strconv.FormatInt(int64(n), 10)
	return Cell{shown: separate(s), plain: s, number: true}
}

// Uint returns a cell with a number, shown as 12,001.
func Uint[T ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](n T) Cell {
	s := strconv.FormatUint(uint64(n), 10)
	return Cell{shown: separate(s), plain: s, number: true}
}

// Float returns a cell with a number shown with that many digits after the point.
// For programs it has all its digits; what is no number is empty there.
func Float(x float64, digits int) Cell {
	plain := strconv.FormatFloat(x, 'g', -1, 64)
	if x != x || x-x != 0 { // not a number, or infinite
		return Cell{shown: plain, number: true}
	}
	return Cell{shown: separate(strconv.FormatFloat(x, 'f', digits, 64)), plain: plain, number: true}
}

// Number returns a cell with a number that is shown in a way of its own, such as
// "3.2 s" for 3200000. Both are cleaned.
func Number(shown, plain string) Cell {
	return Cell{shown: Clean(shown), plain: Clean(plain), number: isNumber(plain)}
}

// Spark returns a cell with a small picture of a series of values from 0 up. There is
// nothing in it but in HTML. It keeps values.
func Spark(values []float64) Cell { return Cell{spark: values} }

// As returns the cell with a tone.
func (c Cell) As(t Tone) Cell {
	c.tone = t
	return c
}

// separate puts commas between groups of three digits before the point.
func separate(s string) string {
	whole, rest := s, ""
	if i := strings.IndexByte(s, '.'); i >= 0 {
		whole, rest = s[:i], s[i:]
	}
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + rest
}

// isNumber reports whether a spreadsheet may be given s as it is: a decimal
// number and nothing that could be a formula.
func isNumber(s string) bool {
	if strings.ContainsAny(s, "xXpP_iInN") {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// colored wraps one line of the cell in the escape sequence of its tone.
func (t Tone) colored(s string) string {
	code := ""
	switch t {
	case Good:
		code = "32"
	case Bad:
		code = "1;31"
	case Odd:
		code = "33"
	}
	if code == "" || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
