package guard

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// promTokens cuts a PromQL expression into names, strings, numbers and single signs. What
// stands in a range's brackets is left out.
func promTokens(expr string) ([]string, error) {
	var tokens []string
	word := func(c rune) bool {
		return unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' || c == ':' || c == '.'
	}
	for rest := expr; rest != ""; {
		c := rune(rest[0])
		switch {
		case unicode.IsSpace(c):
			rest = rest[1:]
		case c == '"':
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("a string does not end: %s", rest)
			}
			tokens = append(tokens, rest[:end+2])
			rest = rest[end+2:]
		case c == '[':
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("a range does not end: %s", rest)
			}
			tokens = append(tokens, "[]")
			rest = rest[end+1:]
		case word(c):
			end := strings.IndexFunc(rest, func(c rune) bool { return !word(c) })
			if end < 0 {
				end = len(rest)
			}
			tokens = append(tokens, rest[:end])
			rest = rest[end:]
		default:
			tokens = append(tokens, string(c))
			rest = rest[1:]
		}
	}
	return tokens, nil
}

// promFunctions are those the dashboard may use.
var promFunctions = []string{"rate", "increase", "changes", "histogram_quantile", "sum", "min", "max"}

// checkProm returns what is wrong with an expression: names and labels that are not exposed,
// a counter without rate, a gauge with it, a quantile without le.
func checkProm(expr string, figures map[string]figure) (problems []string) {
	tokens, err := promTokens(expr)
	if err != nil {
		return []string{err.Error()}
	}
	at := func(i int) string {
		if i >= 0 && i < len(tokens) {
			return tokens[i]
		}
		return ""
	}
	depth := 0
	var labels, grouped []string // that are there, and that are grouped by
	for i := 0; i < len(tokens); i++ {
		switch token := tokens[i]; {
		case token == "(":
			depth++
		case token == ")":
			depth--
		case token == "by" && at(i+1) == "(":
			for i += 2; i < len(tokens) && tokens[i] != ")"; i++ {
				if tokens[i] != "," {
					grouped = append(grouped, tokens[i])
				}
			}
		case slices.Contains(promFunctions, token) && (at(i+1) == "(" || at(i+1) == "by"):
		case token[0] == '"' || unicode.IsDigit(rune(token[0])) || strings.Contains("+-*/><=,[]", token):
		default:
			name, kind := token, ""
			f, ok := figures[name]
			own := slices.Clone(f.labels)
			if !ok {
				base, cut := strings.CutSuffix(name, "_bucket")
				if f = figures[base]; !cut || f.kind != "histogram" {
					problems = append(problems, fmt.Sprintf("%q is not exposed", name))
					continue
				}
				own = append(slices.Clone(f.labels), "le")
				if !slices.Contains(tokens, "le") {
					problems = append(problems, fmt.Sprintf("%q is not summed by le", name))
				}
			}
			kind = f.kind
			own = append(own, "instance", "job") // Prometheus adds these
			labels = append(labels, own...)
			function := at(i - 2)
			if counting := slices.Contains([]string{"rate", "increase", "changes"}, function); counting != (kind != "gauge") {
				problems = append(problems, fmt.Sprintf("%q is a %s, and is used by %q", name, kind, function))
			}
			if at(i+1) != "{" {
				continue
			}
			for i += 2; i < len(tokens) && tokens[i] != "}"; i++ {
				if strings.Contains(`=~!,`, tokens[i]) || tokens[i][0] == '"' {
					continue
				}
				if !slices.Contains(own, tokens[i]) {
					problems = append(problems, fmt.Sprintf("%q has no label %q", name, tokens[i]))
				}
			}
		}
	}
	for _, label := range grouped {
		if !slices.Contains(labels, label) {
			problems = append(problems, fmt.Sprintf("nothing has a label %q to group by", label))
		}
	}
	if depth != 0 {
		problems = append(problems, "parentheses do not match")
	}
	return problems
}

func TestCheckProm(t *testing.T) {
	figures := scrape(t, observed(t, Enforce).Metrics(MetricsConfig{}))
	for _, expr := range []string{
		`flowload_guard_gate_limits`,
		`sum(flowload_guard_gate_limit{class="x"})`,
		`sum by (limit) (flowload_guard_gate_limit)`,
		`rate(flowload_guard_gate_limit[1m])`,
		`sum(flowload_guard_requests_total)`,
		`histogram_quantile(0.5, sum by (class) (rate(flowload_guard_request_duration_seconds_bucket[1m])))`,
		`rate(flowload_guard_request_duration_seconds[1m]`,
		`rate(flowload_guard_gate_limit_bucket[1m])`,
		`rate(flowload_guard_requests_total{outcomes="shed"}[1m])`,
		`average(flowload_guard_gate_limit)`,
	} {
		if len(checkProm(expr, figures)) == 0 {
			t.Errorf("%s is accepted", expr)
		}
	}
}

func TestDashboard(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "grafana", "flowload-guard.json"))
	if err != nil {
		t.Fatal(err)
	}
	type target struct{ RefID, Expr, LegendFormat string }
	type panel struct {
		ID          int
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Targets     []target
	}
	var d struct {
		Title, UID    string
		SchemaVersion int
		Panels        []panel
		Templating    struct {
			List []struct {
				Name, Type, Definition string
			}
		}
		Annotations struct {
			List []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	if d.Title == "" || d.UID == "" || d.SchemaVersion != 39 {
		t.Errorf("%q %q %d", d.Title, d.UID, d.SchemaVersion)
	}
	figures := scrape(t, observed(t, Enforce).Metrics(MetricsConfig{}))
	used := map[string]bool{}
	check := func(where, expr string) {
		for _, problem := range checkProm(expr, figures) {
			t.Errorf("%s: %s: %s", where, expr, problem)
		}
		for name := range figures {
			if strings.Contains(expr, name) {
				used[name] = true
			}
		}
	}
	ids, cells, variables := map[int]bool{}, map[[2]int]string{}, map[string]bool{"datasource": true, "__rate_interval": true, "__interval": true, "__all": true}
	for _, p := range d.Panels {
		if p.ID <= 0 || ids[p.ID] {
			t.Errorf("%q: id %d is there twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.W < 1 || p.GridPos.H < 1 || p.GridPos.X+p.GridPos.W > 24 || p.Title == "" {
			t.Errorf("%q: %+v", p.Title, p.GridPos)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := cells[at]; other != "" {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				cells[at] = p.Title
			}
		}
		if (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("%q: a %s with %d targets", p.Title, p.Type, len(p.Targets))
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.RefID == "" || refs[target.RefID] {
				t.Errorf("%q: target %q is there twice", p.Title, target.RefID)
			}
			refs[target.RefID] = true
			check(p.Title, target.Expr)
			for rest := target.LegendFormat; strings.Contains(rest, "{{"); {
				_, rest, _ = strings.Cut(rest, "{{")
				label, _, _ := strings.Cut(rest, "}}")
				if label != "instance" && !strings.Contains(target.Expr, "by ("+label+")") && !exposes(figures, target.Expr, label) {
					t.Errorf("%q: the legend has a label %q that %s does not", p.Title, label, target.Expr)
				}
			}
		}
	}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
		if v.Type != "query" {
			continue
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")")
		name, label, _ := strings.Cut(inner, ", ")
		if f, ok := figures[name]; !ok || label != "instance" && !slices.Contains(f.labels, label) {
			t.Errorf("variable %q: %s", v.Name, v.Definition)
		}
	}
	for _, a := range d.Annotations.List {
		check("annotation", a.Expr)
	}
	for _, part := range strings.Split(string(data), "$")[1:] {
		name := strings.TrimPrefix(part, "{")
		name = name[:strings.IndexFunc(name, func(c rune) bool { return c != '_' && !unicode.IsLetter(c) })]
		if !variables[name] {
			t.Errorf("there is no variable $%s", name)
		}
	}
	for name := range figures {
		if !used[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

// exposes tells whether a figure that is used in expr has a label.
func exposes(figures map[string]figure, expr, label string) bool {
	for name, f := range figures {
		if strings.Contains(expr, name) && slices.Contains(f.labels, label) {
			return true
		}
	}
	return false
}
