package stat

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// metrics of the tests.
func metrics(name string) []Kind {
	switch name {
	case "p99", "p99.9":
		return []Kind{Duration}
	case "errors", "rate_error", "regression":
		return []Kind{Ratio}
	case "capacity":
		return []Kind{Rate}
	case "mldsa87/verify", "seal/verify":
		return []Kind{Duration, Rate, BytesRate}
	case "dropped":
		return []Kind{Number}
	case "memory":
		return []Kind{Bytes}
	}
	return nil
}

var goodExprs = []struct {
	text  string
	name  string
	op    Op
	value float64
	kind  Kind
}{
	{"p99>250ms", "p99", Greater, 250e6, Duration},
	{"p99 < 0.05s", "p99", Less, 50e6, Duration},
	{"p99.9>=1m", "p99.9", GreaterEqual, 60e9, Duration},
	{" p99<=7h\t", "p99", LessEqual, 7 * 3600e9, Duration},
	{"errors>1%", "errors", Greater, 0.01, Ratio},
	{"rate_error>0.5%", "rate_error", Greater, 0.005, Ratio},
	{"regression>10 %", "regression", Greater, 0.1, Ratio},
	{"capacity<900/s", "capacity", Less, 900, Rate},
	{"capacity<900", "capacity", Less, 900, Rate},
	{"capacity<1.5k/m", "capacity", Less, 25, Rate},
	{"capacity<3600/h", "capacity", Less, 1, Rate},
	{"mldsa87/verify<=200us", "mldsa87/verify", LessEqual, 200e3, Duration},
	{"mldsa87/verify<=200µs", "mldsa87/verify", LessEqual, 200e3, Duration},
	{"mldsa87/verify<=200μs", "mldsa87/verify", LessEqual, 200e3, Duration},
	{"seal/verify>=1M rec/s", "seal/verify", GreaterEqual, 1e6, Rate},
	{"seal/verify>=1Mrec/s", "seal/verify", GreaterEqual, 1e6, Rate},
	{"seal/verify>=5 ops/s", "seal/verify", GreaterEqual, 5, Rate},
	{"seal/verify>=5msg/s", "seal/verify", GreaterEqual, 5, Rate},
	{"seal/verify>=10 MB/s", "seal/verify", GreaterEqual, 10e6, BytesRate},
	{"seal/verify>=10KiB/m", "seal/verify", GreaterEqual, 10240.0 / 60, BytesRate},
	{"dropped>0", "dropped", Greater, 0, Number},
	{"dropped>1.5k", "dropped", Greater, 1500, Number},
	{"memory<15MB", "memory", Less, 15e6, Bytes},
	{"memory<16MiB", "memory", Less, 16 << 20, Bytes},
}

var badExprs = map[string]string{ // and a part of the problem
	"":                              "needs one of",
	"p99":                           "needs one of",
	"p99=5ms":                       "needs one of",
	"p99>5":                         "250us",
	"p99>":                          "number",
	"p99>x":                         "number",
	"p99>.5s":                       "number",
	"p99>5.s":                       "number",
	"p99>1.2.3s":                    "number",
	"p99>-5ms":                      "number",
	"p99>+5ms":                      "number",
	"p99>1e3ms":                     "no unit",
	"p99>5 parsecs":                 "no unit",
	"p99>5 ms s":                    "no unit",
	"p99>5%":                        "no unit",
	"p99>>5ms":                      "number",
	"p99<>5ms":                      "number",
	"p98>5ms":                       "no metric",
	"P99>5ms":                       "no metric",
	"9p>5ms":                        "no name",
	">5ms":                          "no name",
	"p 99>5ms":                      "no name",
	"p99\x1b[31m>5ms":               "no name",
	"errors>1":                      "1%",
	"errors>0.01":                   "1%",
	"memory<15":                     "MB",
	"memory<15MB/s":                 "no unit",
	"capacity<900/d":                "no unit",
	"capacity<900 bogus/s":          "no unit",
	"capacity<9k k/s":               "no unit",
	"capacity<9K/s":                 "no unit",
	"capacity<900/s/s":              "no unit",
	"dropped>1%":                    "no unit",
	"p99>123456789012345678901234s": "number",
	"p99>5ms" + strings.Repeat(" ", 200) + "x": "longer",
}

func TestParse(t *testing.T) {
	for _, c := range goodExprs {
		e, err := Parse(c.text, metrics)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if e.Name != c.name || e.Op != c.op || math.Abs(e.Value-c.value) > 1e-12*c.value || e.Kind != c.kind || e.String() != strings.TrimSpace(c.text) {
			t.Errorf("%q: got %+v", c.text, e)
		}
	}
	for text, problem := range badExprs {
		_, err := Parse(text, metrics)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(syntax.Problem, problem) {
			t.Errorf("%q: error %v, want one about %q", text, err, problem)
		}
	}
}

func TestParseList(t *testing.T) {
	list, err := ParseList("p99<50ms, errors<0.1%", metrics)
	if err != nil || len(list) != 2 || list[0].Name != "p99" || list[1].String() != "errors<0.1%" {
		t.Errorf("got %v, %v", list, err)
	}
	for _, text := range []string{"", ",", "p99<50ms,", ",p99<50ms", "p99<50ms;errors<1%"} {
		if _, err := ParseList(text, metrics); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		expr      string
		low, high float64 // in ms
		require   bool
		want      State
	}{
		{"p99>250ms", 200, 240, false, Kept},
		{"p99>250ms", 251, 300, false, Violated},
		{"p99>250ms", 240, 260, false, Straddling},
		{"p99>250ms", 250, 250, false, Kept},
		{"p99>=250ms", 250, 250, false, Violated},
		{"p99<50ms", 10, 20, true, Kept},
		{"p99<50ms", 60, 70, true, Violated},
		{"p99<50ms", 40, 60, true, Straddling},
		{"p99<50ms", 50, 50, true, Violated},
		{"p99<=50ms", 50, 50, true, Kept},
		{"p99<50ms", 40, math.Inf(1), true, Straddling},
		{"p99<50ms", 60, math.Inf(1), true, Violated},
	} {
		e, err := Parse(c.expr, metrics)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Judge(Interval{c.low * 1e6, c.low * 1e6, c.high * 1e6}, c.require); got != c.want {
			t.Errorf("%s of %g..%g ms, require %v: %v, want %v", c.expr, c.low, c.high, c.require, got, c.want)
		}
		if got := e.Judge(Nothing, c.require); got != NoData {
			t.Errorf("%s of nothing: %v", c.expr, got)
		}
	}
	if (Expr{}).Judge(Exactly(1), true) != Violated {
		t.Error("the zero expression holds")
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range goodExprs {
		f.Add(c.text)
	}
	for text := range badExprs {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text, metrics)
		if err != nil {
			return
		}
		if !slices.Contains(metrics(e.Name), e.Kind) || !(e.Value >= 0) || math.IsInf(e.Value, 0) || e.Op == 0 {
			t.Fatalf("%q: %+v", text, e)
		}
		again, err := Parse(e.String(), metrics)
		if err != nil || again != e {
			t.Fatalf("%q: %+v, again %+v, %v", text, e, again, err)
		}
	})
}
