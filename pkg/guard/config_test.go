package guard

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/vegas"
)

func TestNewRefuses(t *testing.T) {
	limit := perSecond(5, 5)
	fails := &decider{}
	for name, c := range map[string]struct {
		cfg  Config
		want string
	}{
		"no limit":           {Config{Limits: []Limit{{}}}, "rate is not positive"},
		"two of a name":      {Config{Limits: []Limit{{Limit: limit}, {Limit: limit}}}, "two limits"},
		"a name with quotes": {Config{Limits: []Limit{{Name: `a"b`, Limit: limit}}}, "letters, digits"},
		"a long name":        {Config{Limits: []Limit{{Name: strings.Repeat("a", 65), Limit: limit}}}, "letters, digits"},
		"shared without fail": {Config{Limits: []Limit{{Limit: limit, Shared: fails}}},
			"does not say what to do"},
		"fail without shared": {Config{Limits: []Limit{{Limit: limit, Fail: FailOpen}}}, "nothing that may fail"},
		"local without limit": {Config{Limits: []Limit{{Limit: limit, Shared: fails, Fail: FailLocal}}}, "local limit"},
		"too many keys":       {Config{Limits: []Limit{{Limit: limit, MaxKeys: -1}}}, "keys"},
		"adapt without gate":  {Config{Limits: []Limit{{Limit: limit, Adapt: &Adapt{Min: limit.Rate, Max: limit.Rate}}}}, "follows a gate"},
		"adapt out of bounds": {Config{Gate: &Gate{}, Limits: []Limit{{Limit: limit, Adapt: &Adapt{Min: gcra.Every(time.Millisecond), Max: gcra.Every(time.Microsecond)}}}}, "within its bounds"},
		"adapt of no rate":    {Config{Gate: &Gate{}, Limits: []Limit{{Limit: limit, Adapt: &Adapt{Max: limit.Rate}}}}, "not positive"},
		"adapt too often":     {Config{Gate: &Gate{}, Limits: []Limit{{Limit: limit, Adapt: &Adapt{Min: limit.Rate, Max: limit.Rate, Every: time.Microsecond}}}}, "at least"},
		"adapt and shared":    {Config{Gate: &Gate{}, Limits: []Limit{{Limit: limit, Shared: fails, Fail: FailOpen, Adapt: &Adapt{Min: limit.Rate, Max: limit.Rate}}}}, "cannot follow"},
		"negative queue":      {Config{Gate: &Gate{Queue: -1}}, "queue"},
		"negative slack":      {Config{Gate: &Gate{Slack: -1}}, "negative"},
		"min above max":       {Config{Gate: &Gate{Vegas: vegas.Config{Min: 5, Max: 4}}}, "above the greatest"},
		"no such hold":        {Config{Gate: &Gate{Hold: 9}}, "hold"},
		"no such mode":        {Config{Mode: 9}, "mode"},
		"no prefix":           {Config{Proxies: Proxies{Trusted: make([]netip.Prefix, 1)}}, "prefix"},
		"default class":       {Config{Classes: []Class{{Name: "default"}}}, "there is one already"},
		"class without name":  {Config{Classes: []Class{{}}}, "letters, digits"},
		"bypass of all":       {Config{Classes: []Class{{Name: "a", Bypass: true}}}, "bypasses without paths"},
		"path not normal":     {Config{Classes: []Class{{Name: "a", Paths: []string{"/a/../b"}}}}, "compared as"},
		"path without slash":  {Config{Classes: []Class{{Name: "a", Paths: []string{"a"}}}}, "compared as"},
		"shares over 1":       {Config{Gate: &Gate{}, Classes: []Class{{Name: "a", Share: 0.7}, {Name: "b", Share: 0.7}}}, "add up"},
		"negative wait":       {Config{Client: Client{MaxWait: -1}}, "negative"},
	} {
		if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestZeroConfig checks that a guard of no configuration stands in nobody's way.
func TestZeroConfig(t *testing.T) {
	g := newGuard(t, Config{})
	s := serve(t, g.Middleware(http.HandlerFunc(hello)))
	for range 10 {
		if resp, body := get(t, s.URL); resp.StatusCode != 200 || body != "hello\n" {
			t.Fatalf("%v %q", resp, body)
		}
	}
}

// TestConfigIsCopied checks that what a caller does to its slices later changes nothing.
func TestConfigIsCopied(t *testing.T) {
	cfg := Config{Limits: []Limit{{Limit: perSecond(1, 1)}}, Classes: []Class{{Name: "a", Paths: []string{"/"}, Bypass: true}}}
	g := newGuard(t, cfg)
	cfg.Classes[0] = Class{Name: "b"}
	cfg.Limits[0].Name = "other"
	if g.classes[0].Name != "a" || g.limiter("default") == nil {
		t.Error("the guard has changed")
	}
}

func TestSettings(t *testing.T) {
	g := newGuard(t, Config{
		Gate:   &Gate{Vegas: vegas.Config{Initial: 4, Max: 100}},
		Limits: []Limit{{Name: "a", Limit: perSecond(10, 5), Adapt: &Adapt{Min: gcra.Rate{Cells: 1, Per: time.Second}, Max: gcra.Rate{Cells: 100, Per: time.Second}}}, {Name: "b", Limit: perSecond(10, 5)}},
	})
	s := g.Settings()
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Settings){
		"mode":            func(s *Settings) { s.Mode = 9 },
		"a limit missing": func(s *Settings) { s.Limits = s.Limits[:1] },
		"a limit twice":   func(s *Settings) { s.Limits[1] = s.Limits[0] },
		"another limit":   func(s *Settings) { s.Limits[1].Name = "c" },
		"no rate":         func(s *Settings) { s.Limits[1].Limit.Rate = gcra.Rate{} },
		"no burst":        func(s *Settings) { s.Limits[1].Limit.Burst = 0 },
		"bounds of none":  func(s *Settings) { s.Limits[1].Min = gcra.Every(time.Second) },
		"out of bounds":   func(s *Settings) { s.Limits[0].Limit.Rate.Cells = 1000 },
		"no bounds":       func(s *Settings) { s.Limits[0].Min = gcra.Rate{} },
		"no gate":         func(s *Settings) { s.Gate = nil },
		"gate of 0":       func(s *Settings) { s.Gate.Min = 0 },
		"gate crossed":    func(s *Settings) { s.Gate.Max = s.Gate.Min - 1 },
		"debts too long": func(s *Settings) {
			s.Limits[1].Limit = gcra.Limit{Rate: gcra.Every(10 * 365 * 24 * time.Hour), Burst: 1}
		},
	} {
		s := g.Settings()
		change(&s)
		if err := g.Apply(s); err == nil {
			t.Errorf("%s: applied", name)
		}
	}
	if after := g.Settings(); after.Limits[1] != s.Limits[1] || *after.Gate != *s.Gate {
		t.Errorf("refused settings changed something: %+v", after)
	}

	s.Limits[0].Min, s.Limits[0].Max, s.Limits[0].Limit.Rate.Cells = gcra.Every(time.Second/20), gcra.Every(time.Second/30), 25
	s.Limits[1].Limit.Burst, s.Limits[1].DryRun = 1, true
	s.Gate = &GateSettings{2, 3}
	s.Mode = DryRun
	if err := g.Apply(s); err != nil {
		t.Fatal(err)
	}
	after := g.Settings()
	if after.Mode != DryRun || after.Limits[0] != s.Limits[0] || after.Limits[1] != s.Limits[1] || *after.Gate != *s.Gate {
		t.Errorf("got %+v, want %+v", after, s)
	}
	if got := g.limiter("a").limit(); got.Rate.PerSecond() != 25 {
		t.Errorf("in force: %v", got)
	}
	if n := g.gate.Stats().Limit; n != 3 {
		t.Errorf("concurrency limit %d", n)
	}
	if p := (*g.policies.Load())[0]; p != `"a";q=25;w=1, "b";q=10;w=1` {
		t.Errorf("policy %s", p)
	}
}
