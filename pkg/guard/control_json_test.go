package guard

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// TestMerge has the cases of RFC 7396, Appendix A, that have no arrays.
func TestMerge(t *testing.T) {
	for _, tt := range []struct{ target, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
	} {
		var values [3]any
		for i, s := range []string{tt.target, tt.patch, tt.want} {
			var err error
			if values[i], err = parseTree([]byte(s)); err != nil {
				t.Fatal(err)
			}
		}
		if got := merge(values[0], values[1]); !reflect.DeepEqual(got, values[2]) {
			t.Errorf("%s and %s: %v, want %s", tt.target, tt.patch, got, tt.want)
		}
	}
}

func TestParseTreeRefuses(t *testing.T) {
	for _, s := range []string{"", "{", `{"a":1`, `{"a":1}}`, `{"a":1}{"a":1}`, `{"a":1} x`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `[1]`, `{"a":[1]}`, `{a:1}`, `{"a" 1}`, `{"a":1,}`, `nul`,
		strings.Repeat(`{"a":`, 9) + "1" + strings.Repeat("}", 9), strings.Repeat(`{"a":`, 60000), "\xff", `{"a":01}`} {
		if v, err := parseTree([]byte(s)); err == nil {
			t.Errorf("%.40q is %v", s, v)
		}
	}
}

func FuzzParseTree(f *testing.F) {
	for _, s := range []string{`{"mode":"enforce","limits":{"a":{"rate":"1/s","burst":1,"dry_run":false}}}`, `{"gate":null}`, `1e5`, `{"a":1,"a":2}`, `[]`, `"x" "y"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseTree(data)
		if err != nil {
			return
		}
		var other any
		if err := json.Unmarshal(data, &other); err != nil {
			t.Fatalf("%q: %v is said not to be JSON: %v", data, v, err)
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := parseTree(again); err != nil || !reflect.DeepEqual(v, w) {
			t.Errorf("%q: %v, then %v, %v", data, v, w, err)
		}
	})
}
