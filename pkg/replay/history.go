package replay

// history finds earlier records by a hash of their frame. It keeps two generations
// of at most generationSize records: when the newer one is full, the older one is
// forgotten. So it knows at least the last generationSize records, in bounded memory.
type history struct {
	now, old generation
	limit    int
}

// generationSize bounds memory: two generations of 40 bytes and two to four slots a record, 75 MB in all.
const generationSize = 1 << 19

type generation struct {
	entries []entry
	slots   []slot
	mask    uint64
}

// slot points to an entry. Part of the hash stands beside it, so that most looks at a
// slot of another hash cost no access to its entry.
type slot struct {
	tag uint32 // the upper half of the hash
	n   uint32 // position in entries plus 1; 0 is free
}

// entry is one record.
type entry struct {
	hash uint64
	Place
	again int64 // time of its latest repeat, or its own
}

// find returns the record with the hash that was added last, or nil. It is valid
// until the next call of add.
func (h *history) find(hash uint64) *entry {
	if e := h.now.find(hash); e != nil {
		return e
	}
	return h.old.find(hash)
}

// add enters a record, which is now the latest with its hash.
func (h *history) add(hash uint64, at Place) {
	if len(h.now.entries) >= h.limit {
		h.old, h.now = h.now, h.old
		h.now.entries = h.now.entries[:0]
		clear(h.now.slots)
	}
	h.now.add(entry{hash, at, at.Time})
}

func (g *generation) find(hash uint64) *entry {
	if len(g.slots) == 0 {
		return nil
	}
	for i := hash & g.mask; ; i = (i + 1) & g.mask {
		k := g.slots[i]
		if k.n == 0 {
			return nil
		}
		if k.tag == uint32(hash>>32) {
			if e := &g.entries[k.n-1]; e.hash == hash {
				return e
			}
		}
	}
}

func (g *generation) add(e entry) {
	if 2*(len(g.entries)+1) > len(g.slots) {
		g.grow()
	}
	g.entries = append(g.entries, e)
	g.enter(e.hash, uint32(len(g.entries)))
}

func (g *generation) enter(hash uint64, n uint32) {
	for i := hash & g.mask; ; i = (i + 1) & g.mask {
		k := &g.slots[i]
		if k.n == 0 || k.tag == uint32(hash>>32) && g.entries[k.n-1].hash == hash {
			*k = slot{uint32(hash >> 32), n}
			return
		}
	}
}

func (g *generation) grow() {
	size := max(1<<12, 2*len(g.slots))
	g.slots, g.mask = make([]slot, size), uint64(size-1)
	for i := range g.entries {
		g.enter(g.entries[i].hash, uint32(i+1))
	}
}
