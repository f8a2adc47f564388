package align

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// An editor makes presented sequences by random edits that do not overlap.
type editor struct {
	rng    *rand.Rand
	sealed []uint64
	fresh  uint64 // values from here on are foreign
}

// edit is one edit: what happens to the interval from a to b, and what stands
// at the point to.
type edit struct {
	kind   string
	a, b   int
	to     int
	insert []uint64
}

func (e edit) String() string {
	return fmt.Sprintf("%s[%d:%d]to %d, %d new", e.kind, e.a, e.b, e.to, len(e.insert))
}

func (e *editor) foreign(n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		e.fresh++
		out[i] = e.fresh
	}
	return out
}

// edits returns the sealed sequence with up to count random edits applied, of
// which each touches at most longest elements, and the edits.
func (e *editor) edits(count, longest int) ([]uint64, []edit) {
	n := len(e.sealed)
	busy := make([]bool, n)     // element belongs to an edit
	at := map[int][][]uint64{}  // what is put before an element
	inside := make([]bool, n+1) // point lies strictly inside an edit
	claim := func(a, b int) bool {
		if a < 0 || b > n || a >= b || slices.Contains(busy[a:b], true) {
			return false
		}
		for i := a + 1; i < b; i++ {
			if inside[i] || len(at[i]) > 0 {
				return false
			}
		}
		for i := a; i < b; i++ {
			busy[i] = true
		}
		for i := a + 1; i < b; i++ {
			inside[i] = true
		}
		return true
	}
	replaced := map[int]edit{}
	var list []edit
	for range count * 3 {
		if len(list) == count {
			break
		}
		k := 1 + e.rng.IntN(longest)
		a := e.rng.IntN(n + 1)
		to := e.rng.IntN(n + 1)
		if len(list) > 0 && e.rng.IntN(3) == 0 { // beside another edit
			other := list[e.rng.IntN(len(list))]
			a = other.b
			if e.rng.IntN(2) == 0 {
				a = other.a - k
			}
		}
		if len(list) > 0 && e.rng.IntN(3) == 0 {
			other := list[e.rng.IntN(len(list))]
			to = [...]int{other.a, other.b, other.to}[e.rng.IntN(3)]
		}
		ed := edit{a: a, b: a + k, to: to}
		switch e.rng.IntN(7) {
		case 0, 1:
			ed.kind = "change"
			ed.insert = e.foreign(k)
			if e.rng.IntN(2) == 0 {
				ed.insert = e.foreign(1 + e.rng.IntN(longest))
			}
		case 2:
			ed.kind = "drop"
		case 3:
			ed.kind, ed.a, ed.b = "insert", to, to
			ed.insert = e.foreign(k)
		case 4:
			ed.kind = "move"
		case 5:
			ed.kind = "double"
		case 6:
			ed.kind = "cut"
			if e.rng.IntN(2) == 0 {
				ed.a, ed.b = 0, k
			} else {
				ed.a, ed.b = n-k, n
			}
		}
		point := ed.kind == "insert" || ed.kind == "move" || ed.kind == "double"
		if point && (inside[to] || ed.kind != "insert" && ed.a < to && to < ed.b) {
			continue
		}
		if ed.kind != "insert" && !claim(ed.a, ed.b) {
			continue
		}
		if point {
			content := ed.insert
			if content == nil {
				content = e.sealed[ed.a:ed.b]
			}
			here := append(at[to], content)
			e.rng.Shuffle(len(here), func(i, j int) { here[i], here[j] = here[j], here[i] })
			at[to] = here
		}
		if ed.kind != "insert" && ed.kind != "double" {
			replaced[ed.a] = ed
		}
		list = append(list, ed)
	}
	var out []uint64
	for i := 0; i <= n; {
		for _, c := range at[i] {
			out = append(out, c...)
		}
		if i == n {
			break
		}
		if ed, ok := replaced[i]; ok {
			if ed.kind == "change" {
				out = append(out, ed.insert...)
			}
			i = ed.b
			continue
		}
		out = append(out, e.sealed[i])
		i++
	}
	return out, list
}
