package load

import (
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"testing"
	"time"

	"cqkit/pkg/stat"
	"cqkit/pkg/target"
)

var realRounds = flag.Int("rounds", 0, "rounds of TestCompareReal, each of which measures this machine for three seconds")

// working answers after hashing 64 KiB some times, on the processor.
func working(times int) http.Handler {
	data := make([]byte, 64<<10)
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sum := uint32(0)
		for range times {
			sum = crc32.Update(sum, crc32.IEEETable, data)
		}
		fmt.Fprintln(w, sum)
	})
}

// waiting has eight servers, each busy for exponential times.
func waiting(t *testing.T, mean time.Duration) http.Handler {
	h, err := target.New(target.Config{Service: target.Exponential(mean), Servers: 8, Queue: 100, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestCompareReal measures real servers on this machine while something else takes one of its processors: a
// build, the same again, and one that is slower by a tenth, in turns. Comparisons then draw 30 of the rounds each.
// It takes long and depends on what else runs, so it runs on request only:
// go test ./pkg/load -run CompareReal -rounds 60 -v
func TestCompareReal(t *testing.T) {
	if *realRounds == 0 {
		t.Skip("it takes minutes; -rounds 60 runs it")
	}
	t.Run("waiting", func(t *testing.T) {
		compareReal(t, map[string]http.Handler{"base": waiting(t, 45*time.Millisecond), "same": waiting(t, 45*time.Millisecond), "slow": waiting(t, 50*time.Millisecond)}, "ok_per_s")
	})
	t.Run("working", func(t *testing.T) { // with what all requests cost besides, a quarter is a tenth
		compareReal(t, map[string]http.Handler{"base": working(100), "same": working(100), "slow": working(125)}, "ok_per_s", "min")
	})
}

// foreignLoad keeps one processor busy until the test ends: with a process of its own, because a loop in
// this one would hold up the timers of the servers, too.
func foreignLoad(t *testing.T) {
	cmd := exec.Command("sh", "-c", "while :; do :; done")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

func compareReal(t *testing.T, handlers map[string]http.Handler, metrics ...string) {
	const trials, pairs, window = 200, 30, time.Second
	sides := []string{"base", "same", "slow"}
	runs := map[string][]*Result{}
	urls := map[string]string{}
	for name, h := range handlers {
		server := httptest.NewServer(h)
		defer server.Close()
		urls[name] = server.URL
	}
	foreignLoad(t)
	// All orders in turn: what runs in the middle is not what runs first.
	orders := [][3]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}, {1, 0, 2}}
	for i := range *realRounds {
		for _, side := range orders[i%len(orders)] {
			name := sides[side]
			targets, err := NewTargets(TargetOptions{}, Request{URL: urls[name]})
			if err != nil {
				t.Fatal(err)
			}
			r, err := Run(t.Context(), &Config{Targets: targets, Concurrency: 16, Duration: window})
			if err != nil {
				t.Fatal(err)
			}
			runs[name] = append(runs[name], r)
		}
	}
	value := func(name string) []float64 {
		return (&Change{Metric: "ok_per_s", Kind: stat.Rate}).values(runs[name])
	}
	loss := 1 - stat.Median(value("slow"), 0.95).Value/stat.Median(value("base"), 0.95).Value
	t.Logf("%d rounds; base %.0f/s, slow %.1f %% less, base from %.0f to %.0f/s", *realRounds, stat.Median(value("base"), 0.95).Value, 100*loss,
		slices.Min(value("base")), slices.Max(value("base")))
	for _, metric := range metrics {
		count := map[string]map[stat.Verdict]int{"same": {}, "slow": {}}
		for k := range trials {
			r := rand.New(rand.NewPCG(uint64(k), 7))
			pick := r.Perm(*realRounds)[:pairs]
			slices.Sort(pick)
			draw := func(name string) (list []*Result) {
				for _, i := range pick {
					list = append(list, runs[name][i])
				}
				return list
			}
			for name, verdicts := range count {
				c, err := Compare(draw("base"), draw(name), CompareConfig{On: []string{metric}})
				if err != nil {
					t.Fatal(err)
				}
				verdicts[c.Verdict]++
			}
		}
		t.Logf("%s, of %d: the same build %v, the slower %v", metric, trials, count["same"], count["slow"])
		if count["same"][stat.Worse]+count["same"][stat.Better] > trials/100 {
			t.Errorf("%s: too many false alarms", metric)
		}
		if count["slow"][stat.Worse] < trials*95/100 {
			t.Errorf("%s: too few losses found", metric)
		}
	}
}
