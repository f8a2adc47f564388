package stat

import (
	"flag"
	"hash/crc32"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

var realTrials = flag.Int("real", 0, "trials of TestRealLoad, each of which measures this machine for some tenths of a second")

var sink atomic.Uint32

// work hashes eight times for about a third of a millisecond, times part/100, and returns
// what [Undisturbed] makes of it.
func work(part int) float64 {
	buffer := make([]byte, 4096)
	pieces := make([]float64, 8)
	for i := range pieces {
		start := time.Now()
		sum := uint32(0)
		for range 10 * part {
			sum = crc32.Update(sum, crc32.IEEETable, buffer)
		}
		pieces[i] = float64(time.Since(start))
		sink.Store(sum)
	}
	return Undisturbed(pieces)
}

// TestRealLoad measures real work on this machine while something else takes one of its
// processors: equal sides, and sides of which one has 10 % more to do. It takes long and depends on what
// else runs, so it runs on request only: go test ./pkg/stat -run RealLoad -real 200 -v
func TestRealLoad(t *testing.T) {
	if *realTrials == 0 {
		t.Skip("it takes minutes; -real 200 runs it")
	}
	var stop atomic.Bool
	go func() {
		runtime.LockOSThread()
		for !stop.Load() {
		}
	}()
	defer stop.Store(true)
	count := map[int]map[Verdict]int{100: {}, 110: {}}
	for range *realTrials {
		for part, verdicts := range count {
			var base, new []float64
			for i := range 30 {
				if i%2 == 0 {
					base = append(base, work(100))
					new = append(new, work(part))
				} else {
					new = append(new, work(part))
					base = append(base, work(100))
				}
			}
			c, err := ComparePaired(base, new, CompareConfig{LessIsBetter: true})
			if err != nil {
				t.Fatal(err)
			}
			verdicts[c.Verdict]++
		}
	}
	t.Logf("equal: %v, with 10 %% more: %v", count[100], count[110])
	if count[100][Worse]+count[100][Better] > max(1, *realTrials/100) {
		t.Error("too many false alarms")
	}
	if count[110][Worse] < *realTrials*95/100 {
		t.Error("too few losses of 10 % found")
	}
}
