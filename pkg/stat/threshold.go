package stat

import (
	"fmt"
	"strconv"
	"strings"
)

// A Kind is the dimension of a metric. A value's unit must fit it.
type Kind uint8

// The kinds, each with the unit in which values are computed.
const (
	Number    Kind = iota + 1 // a count: none
	Duration                  // nanoseconds
	Ratio                     // 1; written in per cent
	Rate                      // per second
	Bytes                     // bytes
	BytesRate                 // bytes a second
)

// An Op is a relation.
type Op uint8

// The relations.
const (
	Less Op = iota + 1
	LessEqual
	Greater
	GreaterEqual
)

var opNames = [...]string{"", "<", "<=", ">", ">="}

// String returns "<", "<=", ">" or ">=".
func (o Op) String() string { return opNames[o] }

// An Expr is one threshold, such as "p99>250ms". The zero Expr is none.
type Expr struct {
	Text  string // as it was written, without spaces around it
	Name  string
	Op    Op
	Value float64 // in the unit of Kind
	Kind  Kind
}

// String returns the expression as it was written.
func (e Expr) String() string { return e.Text }

// A SyntaxError says what is wrong with an expression and what would be right.
type SyntaxError struct {
	Text    string // the expression
	Problem string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("threshold %q: %s", e.Text, e.Problem) }

const maxExpr = 200 // bytes

// Parse reads one expression of docs/stat.md. kinds returns the dimensions that a metric has,
// the first of them for values without a unit; none means that there is no such metric. Errors
// are of type [*SyntaxError].
func Parse(text string, kinds func(name string) []Kind) (Expr, error) {
	text = strings.Trim(text, " \t")
	bad := func(format string, args ...any) (Expr, error) {
		return Expr{}, &SyntaxError{text, fmt.Sprintf(format, args...)}
	}
	if len(text) > maxExpr {
		return bad("it is longer than %d bytes", maxExpr)
	}
	at := strings.IndexAny(text, "<>=")
	if at < 0 {
		return bad("it needs one of <, <=, > and >=, as in p99>250ms")
	}
	name, rest := strings.TrimRight(text[:at], " \t"), text[at:]
	op := Op(0)
	for _, o := range []Op{LessEqual, GreaterEqual, Less, Greater} {
		if r, ok := strings.CutPrefix(rest, opNames[o]); ok {
			op, rest = o, strings.TrimLeft(r, " \t")
			break
		}
	}
	switch {
	case op == 0:
		return bad("it needs one of <, <=, > and >=")
	case !isName(name):
		return bad("%q is no name of a metric", name)
	}
	known := kinds(name)
	if len(known) == 0 {
		return bad("there is no metric %q", name)
	}
	value, kind, problem := parseValue(rest, known)
	if problem != "" {
		return bad("%s", problem)
	}
	return Expr{text, name, op, value, kind}, nil
}

// ParseList reads expressions that are separated by commas.
func ParseList(text string, kinds func(name string) []Kind) ([]Expr, error) {
	var list []Expr
	for _, part := range strings.Split(text, ",") {
		e, err := Parse(part, kinds)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// isName tells whether s is a name: a letter, then letters, digits and _ - . /.
func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789_-./", rune(c))) {
			return false
		}
	}
	return s != ""
}

// parseValue returns the value of a number with its unit in one of the kinds known.
func parseValue(s string, known []Kind) (value float64, kind Kind, problem string) {
	end := strings.IndexFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		end = len(s)
	}
	number, unit := s[:end], s[end:]
	whole, fraction, point := strings.Cut(number, ".")
	if whole == "" || point && (fraction == "" || strings.Contains(fraction, ".")) || len(number) > 20 {
		return 0, 0, fmt.Sprintf("%q does not begin with a number", s)
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, 0, fmt.Sprintf("%q does not begin with a number", s)
	}
	factor, kind, ok := lookUp(unit, known)
	if !ok {
		return 0, 0, fmt.Sprintf("%q is no unit that fits; try %s", strings.TrimLeft(unit, " \t"), examples(known))
	}
	return value * factor, kind, ""
}

// A State is how a threshold was judged.
type State uint8

// Kept and Violated mean that the whole interval says so, Straddling that it lies on both sides,
// NoData that nothing was measured, which is never good enough.
const (
	Kept State = iota + 1
	Violated
	Straddling
	NoData
)

// String returns "ok", "violated", "undecided" or "no_data".
func (s State) String() string {
	return [...]string{"", "ok", "violated", "undecided", "no_data"}[s]
}

// Holds tells whether the relation holds for v.
func (e Expr) Holds(v float64) bool {
	switch e.Op {
	case Less:
		return v < e.Value
	case LessEqual:
		return v <= e.Value
	case Greater:
		return v > e.Value
	case GreaterEqual:
		return v >= e.Value
	}
	return false
}

// Judge judges what was measured, in the unit of e.Kind. With require the relation must
// hold, otherwise it must not.
func (e Expr) Judge(measured Interval, require bool) State {
	if !measured.Known() {
		return NoData
	}
	low, high := e.Holds(measured.Low), e.Holds(measured.High)
	switch {
	case low != high:
		return Straddling
	case low == require:
		return Kept
	}
	return Violated
}
