package stat

import (
	"slices"
	"strings"
)

// A unit is how values of a kind are written.
type unit struct {
	name   string
	kind   Kind
	factor float64 // to the unit in which values are computed
}

var units = []unit{
	{"ns", Duration, 1}, {"us", Duration, 1e3}, {"µs", Duration, 1e3}, {"μs", Duration, 1e3}, {"ms", Duration, 1e6},
	{"s", Duration, 1e9}, {"m", Duration, 60e9}, {"h", Duration, 3600e9},
	{"%", Ratio, 0.01},
	{"", Number, 1}, {"k", Number, 1e3}, {"M", Number, 1e6}, {"G", Number, 1e9},
	{"B", Bytes, 1}, {"kB", Bytes, 1e3}, {"MB", Bytes, 1e6}, {"GB", Bytes, 1e9},
	{"KiB", Bytes, 1 << 10}, {"MiB", Bytes, 1 << 20}, {"GiB", Bytes, 1 << 30},
}

// counted are the words that may stand before /s, for what is counted.
var counted = []string{"", "req", "rec", "op", "ops", "pkt", "msg"}

// lookUp returns the factor and the kind of the unit text among the kinds known. Rates are k, M or G
// and a word, /s, /m or /h; spaces may stand before a unit and before the word.
func lookUp(text string, known []Kind) (float64, Kind, bool) {
	text = strings.TrimLeft(text, " \t")
	if text == "" && slices.Contains([]Kind{Duration, Ratio, Bytes}, known[0]) {
		return 0, 0, false // a number alone could be anything
	}
	if text == "" && known[0] != Number {
		return 1, known[0], true // a rate is a second's
	}
	before, per, isRate := strings.Cut(text, "/")
	if !isRate {
		return find(text, known)
	}
	seconds, ok := map[string]float64{"s": 1, "m": 60, "h": 3600}[per]
	if !ok {
		return 0, 0, false
	}
	if slices.Contains(known, BytesRate) {
		if f, _, ok := find(before, []Kind{Bytes}); ok {
			return f / seconds, BytesRate, true
		}
	}
	if slices.Contains(known, Rate) {
		prefix, word, spaced := strings.Cut(before, " ")
		if !spaced {
			prefix = before[:min(len(before), 1)]
			if !strings.Contains("kMG", prefix) {
				prefix = ""
			}
			word = before[len(prefix):]
		}
		if f, _, ok := find(prefix, []Kind{Number}); ok && slices.Contains(counted, strings.TrimLeft(word, " \t")) {
			return f / seconds, Rate, true
		}
	}
	return 0, 0, false
}

func find(name string, known []Kind) (float64, Kind, bool) {
	for _, u := range units {
		if u.name == name && slices.Contains(known, u.kind) {
			return u.factor, u.kind, true
		}
	}
	return 0, 0, false
}

// examples lists a unit of each kind.
func examples(known []Kind) string {
	var list []string
	for _, k := range known {
		list = append(list, [...]string{"", "10 or 10k", "250us, 10ms or 2s", "1%", "900/s or 30k/s", "10MB or 16MiB", "10MB/s"}[k])
	}
	return strings.Join(list, ", or ")
}
