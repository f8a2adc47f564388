package replay

import (
	"bytes"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

var (
	trials = flag.Int("trials", 0, "how often each attack is tried on each log; 0 is 2, or, with -short or -race, 1 on its beginning")
	table  = flag.Bool("table", false, "print the table of docs/replay.md")
)

// clean are the logs whose manifest speaks of no attack and no second writer.
var clean = []string{
	"tlogs/arduplane-mp-v1-2012.tlog",
	"tlogs/arduplane-vtol-v1-2018.tlog",
	"tlogs/ardusub-qgc-v2-2023.tlog",
	"tlogs/big-append-chronological-2012-2021.tlog",
	"tlogs/copter-all-signed-v2-2026.tlog",
	"tlogs/copter-kresge01-v1-2015.tlog",
	"tlogs/copter-mixed-v1v2-2024.tlog",
	"tlogs/copter-mp-v1-2018-mission1.tlog",
	"tlogs/px4-quad-v2-2025.tlog",
	"tlogs/px4flow-v1-2015.tlog",
	"tlogs/rover-serialnoise-2022.tlog",
	"attacks/baseline-0406-010254.tlog",
	"attacks/baseline-0406-010614.tlog",
}

type score struct{ injected, found int }

// TestInjected injects every attack into every clean log and counts what is found.
func TestInjected(t *testing.T) {
	readShared(t, "tlogs", "MANIFEST.md")
	n := *trials
	if n == 0 {
		n = 2
		if testing.Short() || raceEnabled {
			n = 1
		}
	}
	logs := make([][]rec, len(clean))
	for i, name := range clean {
		logs[i] = parse(readShared(t, filepath.FromSlash(name)))
		if n == 1 {
			logs[i] = logs[i][:min(len(logs[i]), 8000)]
		}
	}
	scores := make([][]score, len(attacks))
	for k := range attacks {
		a := &attacks[k]
		scores[k] = make([]score, len(clean))
		t.Run(strings.NewReplacer(" ", "_", ",", "", "%", "").Replace(a.name), func(t *testing.T) {
			for i, name := range clean {
				if raceEnabled && i%4 != 0 {
					continue // slow; the signed log is among the rest
				}
				other := logs[(i+1)%len(logs)]
				if len(other) > 100_000 {
					other = logs[0]
				}
				var x *Index
				if a.kinds[0] == Copied {
					x = indexOf(t, other)
				}
				for trial := range n {
					w := newWorkshop(logs[i], other, uint64(k)<<32|uint64(i)<<16|uint64(trial))
					found, ok, why := a.try(w, x)
					if !ok {
						continue
					}
					s := &scores[k][i]
					s.injected++
					if found {
						s.found++
					}
					switch {
					case a.clean && found:
						t.Errorf("%s, trial %d: found what is honest: %s", name, trial, why)
					case !found && !a.clean && a.share == 1:
						t.Errorf("%s, trial %d: missed: %s", name, trial, why)
					case !found && !a.clean:
						t.Logf("%s, trial %d: missed: %s", name, trial, why)
					}
				}
			}
			var all score
			for _, s := range scores[k] {
				all.injected += s.injected
				all.found += s.found
			}
			if all.injected == 0 {
				t.Error("never injected")
			}
			if float64(all.found) < a.share*float64(all.injected) && n >= 2 {
				t.Errorf("found %d of %d", all.found, all.injected)
			}
			t.Logf("found %d of %d", all.found, all.injected)
		})
	}
	if *table {
		printTable(t, scores)
	}
}

func indexOf(t *testing.T, recs []rec) *Index {
	log, _ := write(recs)
	r, err := Scan(bytes.NewReader(log), seeds, Options{Prints: true})
	if err != nil {
		t.Fatal(err)
	}
	x := new(Index)
	if err := x.Add("other.tlog", r.Prints); err != nil {
		t.Fatal(err)
	}
	return x
}

// printTable prints found/injected for each attack and log.
func printTable(t *testing.T, scores [][]score) {
	var b strings.Builder
	b.WriteString("\n| attack |")
	for i := range clean {
		fmt.Fprintf(&b, " %d |", i+1)
	}
	b.WriteString(" all | missed |\n| --- |" + strings.Repeat(" --: |", len(clean)+2) + "\n")
	for k := range attacks {
		fmt.Fprintf(&b, "| %s |", attacks[k].name)
		var all score
		for _, s := range scores[k] {
			all.injected += s.injected
			all.found += s.found
			if s.injected == 0 {
				b.WriteString(" – |")
			} else {
				fmt.Fprintf(&b, " %d/%d |", s.found, s.injected)
			}
		}
		fmt.Fprintf(&b, " %d/%d | %d |\n", all.found, all.injected, all.injected-all.found)
	}
	b.WriteString("| *untouched: high / medium / low* |")
	var total [3]int
	for _, name := range clean {
		r, err := Scan(bytes.NewReader(readShared(t, filepath.FromSlash(name))), seeds, Options{})
		if err != nil {
			t.Fatal(err)
		}
		var n [3]int
		for _, f := range r.Findings {
			n[f.Severity-1]++
			total[f.Severity-1]++
		}
		fmt.Fprintf(&b, " %d/%d/%d |", n[2], n[1], n[0])
	}
	fmt.Fprintf(&b, " %d/%d/%d | |\n", total[2], total[1], total[0])
	t.Log(b.String())
}
