package gcra

import (
	"math/bits"
	"sync"
	"unsafe"
)

const (
	overflowCells = 8
	firstSlots    = 8
	slotBytes     = int64(unsafe.Sizeof(slot{}))
)

// A slot is a key's entry in the table: its hash, 0 if the slot is free, and its TAT.
type slot struct{ key, tat uint64 }

// A shard is a part of a table, under its lock. It has no pointers to what it holds but
// one, to an array without pointers.
type shard struct {
	mu       sync.Mutex
	config   *tableConfig // whose units the TATs are in
	slots    []slot       // open addressing with linear probing
	newest   uint64       // no cells have passed at a later time
	allowed  uint64       // the counts are those of Stats
	cells    uint64       // what every decision needs is in one cache line up to here
	denied   uint64
	refunded uint64
	evicted  uint64
	overflew uint64
	keys     int
	crowded  int    // keys that found no room since expired ones were last looked for
	reserved uint64 // cells that are reserved may be used up to then
	floor    uint64 // what a key without an entry has as TAT; the highest TAT dropped
	overflow [overflowCells]uint64
	hint     *hint
	_        [56]byte // a shard is a multiple of a cache line, and not on one with the next shard's lock
}

// home returns the slot where the search for a key begins. The hash's top bits, which
// are the same in all keys of the shard, are in shift.
func (s *shard) home(key uint64, shift uint) int {
	hi, _ := bits.Mul64(key<<shift, uint64(len(s.slots)))
	return int(hi)
}

// find returns the key's slot, or where the search ended, and whether it is there.
func (s *shard) find(key uint64, shift uint) (int, bool) {
	if len(s.slots) == 0 {
		return 0, false
	}
	for i := s.home(key, shift); ; {
		switch s.slots[i].key {
		case key:
			return i, true
		case 0:
			return i, false
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// absent returns the TAT of a key that has no entry.
func (s *shard) absent(key uint64) uint64 {
	return max(s.floor, s.overflow[key%overflowCells])
}

// insert makes an entry for a key that has none, or uses its overflow cell.
func (s *shard) insert(key, tat, at uint64, shift uint, most int) {
	if s.replace(key, tat, at, shift) {
		return
	}
	if s.keys >= len(s.slots)-len(s.slots)/5 && !s.makeRoom(at, shift, most) {
		s.overflow[key%overflowCells] = tat
		s.overflew++
		return
	}
	i, _ := s.find(key, shift)
	s.slots[i] = slot{key, tat}
	s.keys++
}

// replace puts the key in the place of an expired one on its way, if there is one.
func (s *shard) replace(key, tat, at uint64, shift uint) bool {
	if len(s.slots) == 0 {
		return false
	}
	for i := s.home(key, shift); s.slots[i].key != 0; {
		if old := s.slots[i].tat; old <= at {
			s.floor = max(s.floor, old)
			s.evicted++
			s.slots[i] = slot{key, tat}
			return true
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
	return false
}

// makeRoom drops what has expired or grows the shard to at most so many slots, and
// reports whether there is room for one more key.
func (s *shard) makeRoom(at uint64, shift uint, most int) bool {
	// Looking through all slots costs as much as many decisions: not before as many.
	if s.crowded++; len(s.slots) < most || s.crowded > len(s.slots)/4 {
		s.crowded = 0
		s.drop(at, shift)
	}
	if s.keys < len(s.slots)-len(s.slots)/4 { // some way to go before the next look
		return true
	}
	if len(s.slots) < most {
		s.resize(min(max(len(s.slots)+len(s.slots)/2, firstSlots), most), shift)
	}
	return s.keys < len(s.slots)-len(s.slots)/5
}

// drop removes all expired entries.
func (s *shard) drop(at uint64, shift uint) {
	for i := 0; i < len(s.slots); {
		if s.slots[i].key == 0 || s.slots[i].tat > at {
			i++
			continue
		}
		s.floor = max(s.floor, s.slots[i].tat)
		s.evicted++
		s.remove(i, shift) // another may be in i now
	}
}

// remove frees slot i and closes the gap (Knuth, The Art of Computer Programming,
// volume 3, Section 6.4, Algorithm R).
func (s *shard) remove(i int, shift uint) {
	s.keys--
	n := len(s.slots)
	for j := i; ; {
		s.slots[i] = slot{}
		for {
			if j++; j == n {
				j = 0
			}
			if s.slots[j].key == 0 {
				return
			}
			home := s.home(s.slots[j].key, shift)
			// It may move to i unless its home is after i and up to j, going round.
			if (j-home+n)%n >= (j-i+n)%n {
				break
			}
		}
		s.slots[i] = s.slots[j]
		i = j
	}
}

func (s *shard) resize(size int, shift uint) {
	old := s.slots
	s.slots = make([]slot, size)
	s.hint.set(s.slots)
	for _, e := range old {
		if e.key != 0 {
			i, _ := s.find(e.key, shift)
			s.slots[i] = e
		}
	}
}

// use converts the shard to the limit of c, in force now.
func (s *shard) use(c *tableConfig) {
	convert := s.config.convert(&c.params, s.config.until, s.reserved)
	for i := range s.slots {
		if s.slots[i].key != 0 {
			s.slots[i].tat = convert(s.slots[i].tat)
		}
	}
	s.floor = convert(s.floor)
	for i := range s.overflow {
		s.overflow[i] = convert(s.overflow[i])
	}
	s.config = c
}

// counts returns what has been counted, and the size.
func (s *shard) counts() Stats {
	return Stats{Allowed: s.allowed, Denied: s.denied, Cells: s.cells, Refunded: s.refunded, Evicted: s.evicted,
		Overflowed: s.overflew, Keys: int64(s.keys), SizeBytes: int64(len(s.slots)) * slotBytes}
}
