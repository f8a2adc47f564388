package seal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cqkit/pkg/tlog"
)

// scale returns how many cases to try: n, fewer under the race detector or -short.
func scale(n int) int {
	if raceEnabled {
		n /= 10
	}
	if testing.Short() {
		n /= 3
	}
	return max(n, 1)
}

// segment is one segment of a log.
type segment struct {
	data   []byte
	gap    bool
	offset int64
}

func cutAll(data []byte) []segment { return cutWith(data, seeds) }

func cutWith(data []byte, seeds *tlog.Seeds) []segment {
	s := tlog.NewSliceScanner(data, seeds, tlog.Timed)
	var segs []segment
	for {
		seg, err := s.Next()
		if err != nil {
			return segs
		}
		segs = append(segs, segment{seg.Data, seg.Kind == tlog.Gap, seg.Offset})
	}
}

func joined(segs []segment) []byte {
	var b bytes.Buffer
	for _, s := range segs {
		b.Write(s.data)
	}
	return b.Bytes()
}

func sameData(a, b segment) bool { return bytes.Equal(a.data, b.data) }

// sharedLog returns a log that lies beside the repository, or skips the test.
func sharedLog(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "tlogs", name))
	if err != nil {
		t.Skipf("no shared logs beside the repository: %v", err)
	}
	return data
}

// apply makes the presented segments out of the sealed ones, by what the findings say.
// Of the presented ones it takes only those that were never sealed.
func apply(sealed, presented []segment, findings []Finding) ([]segment, error) {
	gone := make([]bool, len(sealed))
	out := make([]segment, len(presented))
	filled := make([]bool, len(presented))
	for i, f := range findings {
		if f.SealedLeaf+int64(f.Leaves) > int64(len(sealed)) || f.Leaf+int64(f.LeavesNow) > int64(len(presented)) {
			return nil, fmt.Errorf("finding %d lies outside the logs", i)
		}
		if (f.SealedLeaf < 0) != (f.Leaves == 0) || (f.Leaf < 0) != (f.LeavesNow == 0) {
			return nil, fmt.Errorf("finding %d: %d leaves at %d, now %d at %d", i, f.Leaves, f.SealedLeaf, f.LeavesNow, f.Leaf)
		}
		var from []segment
		switch f.Kind {
		case Changed, Truncated, Inserted, Appended:
			if f.LeavesNow > 0 {
				from = presented[f.Leaf:][:f.LeavesNow]
			}
		case Moved, Doubled:
			if f.Leaves != f.LeavesNow {
				return nil, fmt.Errorf("finding %d: %d leaves %s to %d", i, f.Leaves, f.Kind, f.LeavesNow)
			}
			from = sealed[f.SealedLeaf:][:f.Leaves]
		}
		for j, s := range from {
			if at := int(f.Leaf) + j; filled[at] {
				return nil, fmt.Errorf("finding %d: leaf %d is in two findings", i, at)
			} else {
				out[at], filled[at] = s, true
			}
		}
		if f.Kind != Doubled {
			for j := range f.Leaves {
				if at := f.SealedLeaf + int64(j); gone[at] {
					return nil, fmt.Errorf("finding %d: sealed leaf %d is in two findings", i, at)
				} else {
					gone[at] = true
				}
			}
		}
	}
	next := 0
	for i := range out {
		if filled[i] {
			continue
		}
		for next < len(sealed) && gone[next] {
			next++
		}
		if next == len(sealed) {
			return nil, fmt.Errorf("nothing is left to stand at %d", i)
		}
		out[i] = sealed[next]
		next++
	}
	for ; next < len(sealed); next++ {
		if !gone[next] {
			return nil, fmt.Errorf("sealed leaf %d is nowhere", next)
		}
	}
	return out, nil
}

// checkFindings checks that findings reproduce the presented log, and every number in
// them.
func checkFindings(t testing.TB, sealed, presented []segment, findings []Finding) {
	t.Helper()
	out, err := apply(sealed, presented, findings)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(out, presented, sameData) {
		t.Fatal("the findings do not make the presented log of the sealed one")
	}
	last := int64(0)
	before, now := counted(sealed), counted(presented)
	for _, f := range findings {
		if err := checkFinding(f, before, now); err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		if f.Leaf >= 0 {
			if f.Leaf < last {
				t.Fatalf("%+v stands before %d", f, last)
			}
			last = f.Leaf + int64(f.LeavesNow)
		}
	}
}

// countedLog is a log with the number of records before each segment.
type countedLog struct {
	segs    []segment
	records []int64
}

func counted(segs []segment) countedLog {
	c := countedLog{segs, make([]int64, len(segs)+1)}
	for i, s := range segs {
		c.records[i+1] = c.records[i]
		if !s.gap {
			c.records[i+1]++
		}
	}
	return c
}

func (c countedLog) in(first int64, n uint64) uint64 {
	return uint64(c.records[first+int64(n)] - c.records[first])
}

func checkFinding(f Finding, sealed, presented countedLog) error {
	want := Finding{SealedIndex: -1, Index: -1, Offset: -1}
	if f.Leaves > 0 {
		want.SealedIndex = sealed.records[f.SealedLeaf]
		want.Count = sealed.in(f.SealedLeaf, f.Leaves)
	}
	var times []int64
	if f.LeavesNow > 0 {
		want.Index = presented.records[f.Leaf]
		run := presented.segs[f.Leaf:][:f.LeavesNow]
		want.CountNow = presented.in(f.Leaf, f.LeavesNow)
		last := run[len(run)-1]
		want.Offset, want.Bytes = run[0].offset, last.offset+int64(len(last.data))-run[0].offset
		for _, s := range run {
			if !s.gap {
				if times = append(times, tlog.Time(s.data)); len(times) == 1 {
					want.First = s.data
				}
			}
		}
	}
	switch {
	case f.SealedIndex != want.SealedIndex || f.Index != want.Index:
		return fmt.Errorf("want index %d, sealed %d", want.Index, want.SealedIndex)
	case f.Count != want.Count || f.CountNow != want.CountNow:
		return fmt.Errorf("want %d records, now %d", want.Count, want.CountNow)
	case f.Offset != want.Offset || f.Bytes != want.Bytes:
		return fmt.Errorf("want %d bytes at %d", want.Bytes, want.Offset)
	case f.Gap != (want.Count == 0 && want.CountNow == 0):
		return fmt.Errorf("whether it holds gaps only is wrong")
	case !bytes.Equal(f.First, want.First):
		return fmt.Errorf("First is not its first record")
	case f.HasTime != (presented.in(0, uint64(len(presented.segs))) > 0):
		return fmt.Errorf("HasTime is %v", f.HasTime)
	case len(times) > 0 && (f.Time != times[0] || f.Until != times[len(times)-1]):
		return fmt.Errorf("want times %d to %d", times[0], times[len(times)-1])
	case len(times) == 0 && f.LeavesNow > 0:
		return checkNeighbours(f, presented.segs)
	}
	return nil
}

// checkNeighbours checks the times of a run without records.
func checkNeighbours(f Finding, presented []segment) error {
	var before, after []segment
	for _, s := range presented[:f.Leaf] {
		if !s.gap {
			before = []segment{s}
		}
	}
	for _, s := range presented[f.Leaf+int64(f.LeavesNow):] {
		if !s.gap {
			after = []segment{s}
			break
		}
	}
	both := append(before, after...)
	if len(both) == 0 {
		return nil
	}
	if from, until := tlog.Time(both[0].data), tlog.Time(both[len(both)-1].data); f.Time != from || f.Until != until {
		return fmt.Errorf("want times %d to %d", from, until)
	}
	return nil
}

func tlogTime(s segment) int64 { return tlog.Time(s.data) }
