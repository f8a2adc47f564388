package bench

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cqkit/pkg/stat"
)

func sample() *Session {
	return &Session{
		Version:  2,
		Machine:  Machine{CPU: "A  processor", Cores: 2, Features: []string{"avx2"}, OS: "linux", Arch: "amd64", Go: "go1.26", Modules: map[string]string{"m": "v1"}},
		Settings: Settings{TimeNS: 1, Count: 5, Set: "keys", Inputs: "none"},
		Results: []Result{{Name: "a/b", Batch: 3, Group: 1, Pieces: 1, Items: 2, Bytes: 50, Allocs: 1, Values: []float64{100, 110.5, 90, 95, 105, 100}}, {Name: "c", Batch: 1, Group: 1, Pieces: 1, Items: 1, Values: []float64{7}},
			{Name: "d", Batch: 1, Cycle: 2, Group: 2, Pieces: 2, Items: 1, Values: []float64{7, 9, 7, 9, 7, 9, 7}}},
		Sizes: []Size{{Name: "e", Bytes: 21.5, Per: "key"}},
	}
}

func TestSessionRoundTrip(t *testing.T) {
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(b.Bytes())
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	var b bytes.Buffer
	sample().Write(&b)
	good := b.String()
	for name, change := range map[string][2]string{
		"version":        {`"cqbench":2`, `"cqbench":1`},
		"no version":     {`"cqbench":2,`, ``},
		"version twice":  {`"cqbench":2`, `"cqbench":2,"cqbench":2`},
		"a name twice":   {`"name":"c"`, `"name":"a/b","name":"c"`},
		"another case":   {`"name":"c"`, `"Name":"c"`},
		"a module twice": {`"m":"v1"`, `"m":"v1","m":"v1"`},
		"no pieces":      {`"pieces":2`, `"pieces":0`},
		"many pieces":    {`"pieces":2`, `"pieces":9`},
		"no group":       {`"group":2`, `"group":0`},
		"long group":     {`"group":2`, `"group":9`},
		"group alone":    {`"cycle":2,`, ``},
		"no cycle":       {`"cycle":2`, `"cycle":-2`},
		"doubled size":   {`"e"`, `"c"`},
		"no size":        {`21.5`, `-21.5`},
		"size of what":   {`"per":"key"`, `"per":""`},
		"unknown field":  {`"batch":3`, `"batch":3,"x":1`},
		"no name":        {`"a/b"`, `""`},
		"doubled name":   {`"c"`, `"a/b"`},
		"zero":           {`[7]`, `[0]`},
		"negative":       {`[7]`, `[-7]`},
		"huge":           {`[7]`, `[1e999]`},
		"no samples":     {`[7]`, `[]`},
		"no batch":       {`"batch":3`, `"batch":0`},
		"no items":       {`"items":2`, `"items":0`},
		"more after it":  {"\n", "\n{}"},
		"cut":            {`}` + "\n", ""},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%s: nothing changed", name)
		}
		if s, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s: accepted %+v", name, s)
		}
	}
	if _, err := Parse(make([]byte, MaxSessionBytes+1)); err == nil {
		t.Error("accepted a file that is too long")
	}
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	sample().Write(&b)
	f.Add(b.Bytes())
	f.Add([]byte(`{"cqbench":2,"results":[{"name":"a","batch":1,"group":1,"pieces":1,"items":1,"allocs":0,"values_ns":[1]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := s.Write(&out); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(out.Bytes())
		if err != nil {
			t.Fatalf("what was accepted and written again is refused: %v", err)
		}
		var twice bytes.Buffer
		again.Write(&twice)
		if !bytes.Equal(out.Bytes(), twice.Bytes()) {
			t.Errorf("%s became %s", &out, &twice)
		}
		for i := range s.Results {
			s.Results[i].Noisy()
			s.Results[i].Spread()
			s.Results[i].Samples(1)
		}
	})
}

func TestFigures(t *testing.T) {
	r := Result{Items: 2, Bytes: 100, Group: 1, Pieces: 1}
	for i := range 100 {
		r.Values = append(r.Values, float64(101+(i*37)%100))
	}
	if p5, p95, ok := r.Spread(); p5 != 105 || p95 != 195 || !ok {
		t.Errorf("p5 %v, p95 %v, %v", p5, p95, ok)
	}
	m := r.Median()
	if m.Value != 150.5 && m.Value != 150 && m.Value != 151 || m.Low >= m.Value || m.High <= m.Value {
		t.Errorf("median %v", m)
	}
	if p := r.PerSecond(); p.Value != 2e9/m.Value || p.Low >= p.Value || p.High <= p.Value {
		t.Errorf("%v a second", p)
	}
	if p := r.BytesPerSecond(); p.Value != 100e9/m.Value {
		t.Errorf("%v bytes a second", p)
	}
	cycle := sample().Results[2]
	if each := cycle.Each(); !slices.Equal(each, []float64{7, 9}) {
		t.Errorf("cycle of %v", each)
	}
	if s := cycle.Samples(1); !slices.Equal(s, []float64{8, 8, 8}) {
		t.Errorf("pieces of a cycle %v", s)
	}
	if s := cycle.Samples(0); !slices.Equal(s, []float64{8}) {
		t.Errorf("samples of a cycle %v", s)
	}
	disturbed := Result{Group: 1, Pieces: 4, Values: []float64{9, 5, 6, 99, 50, 9, 8, 7, 1}}
	if s := disturbed.Samples(0); !slices.Equal(s, []float64{5, 7}) {
		t.Errorf("samples %v", s)
	}
	few := Result{Values: []float64{1, 2, 3}}
	if _, _, ok := few.Spread(); ok || !few.Noisy() {
		t.Error("three samples have p5 and p95, or three times as much is not noisy")
	}
	if steady := (&Result{Values: []float64{10, 11, 11.9}}); steady.Noisy() {
		t.Error("steady samples are noisy because they are few")
	}
	wild := Result{Values: []float64{1, 9, 2, 8, 3, 7, 1, 9, 2, 8, 3, 7}}
	if !wild.Noisy() {
		t.Errorf("±%.0f %% is not noisy", 100*wild.Noise())
	}
}

func TestJudge(t *testing.T) {
	s := sample()
	kinds := func(name string) []stat.Kind {
		switch name {
		case "a/b":
			return (&Contender{Bytes: 50}).Kinds()
		case "e":
			return []stat.Kind{stat.Bytes}
		case "c", "gone":
			return (&Contender{}).Kinds()
		}
		return nil
	}
	for text, want := range map[string]stat.State{
		"a/b<=200ns": stat.Kept, "a/b<50ns": stat.Violated, "a/b<100ns": stat.Straddling,
		"a/b>=1M rec/s": stat.Kept, "a/b>=1G/s": stat.Violated, "a/b>=100MB/s": stat.Kept, "a/b>=1GB/s": stat.Violated,
		"c<8ns": stat.Kept, "c<7ns": stat.Violated, "gone<1s": stat.NoData,
		"e<=22B": stat.Kept, "e<0.02kB": stat.Violated,
	} {
		e, err := stat.Parse(text, kinds)
		if err != nil {
			t.Fatal(err)
		}
		if got := Judge([]stat.Expr{e}, s.Results, s.Sizes)[0]; got.State != want {
			t.Errorf("%s: %v, want %v (%v)", text, got.State, want, got.Value)
		}
	}
	if _, err := stat.Parse("c>=1GB/s", kinds); err == nil {
		t.Error("bytes a second of what has none")
	}
}

func TestGobench(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteGobench(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for _, want := range []string{"goos: linux", "cpu: A processor", "BenchmarkA/b \t3\t110.5 ns/op\t452.489 MB/s\t1.80995e+07 items/s\t1 allocs/op", "BenchmarkC \t1\t7 ns/op\t0 allocs/op"} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, &b)
		}
	}
}

func TestMachine(t *testing.T) {
	m := ThisMachine()
	if m.Cores < 1 || m.Go == "" || m.Arch == "" {
		t.Errorf("%+v", m)
	}
	if d := m.Differences(&m); len(d) > 0 {
		t.Errorf("differs from itself by %v", d)
	}
	o := m
	o.CPU, o.Go, o.Modules = m.CPU+"x", "go1", nil
	if d := fmt.Sprint(m.Differences(&o)); d != "[processor Go version]" {
		t.Errorf("differences %s", d)
	}
	busy := Machine{Cores: 2, Load: 1.5, Governor: "powersave"}
	if w := busy.Warnings(); len(w) != 2 {
		t.Errorf("warnings %q", w)
	}
	if w := (&Machine{Cores: 2, Load: -1}).Warnings(); len(w) != 0 {
		t.Errorf("warnings %q", w)
	}
}
