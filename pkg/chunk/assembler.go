package chunk

import (
	"container/list"
	"time"
)

// Source is who sent a chunk, by its frame's header. Anyone on a link can claim any.
type Source struct{ System, Component uint8 }

// Limits bound what an [Assembler] holds. The zero Limits are useful.
type Limits struct {
	// MaxBytes bounds the memory held, counted as docs/chunk.md says: 0 means 4 MiB, and
	// less than 256 KiB, twice the largest message, means that.
	MaxBytes int
	// MaxAge is how long a message is waited for after its last new chunk, and how long a
	// complete one is remembered: 0 means 60 s.
	MaxAge time.Duration
	// Dropped, if not nil, is told each message that is given up, for its age or for
	// want of memory, while Add runs. It must not call the assembler.
	Dropped func(Partial)
}

// Message is a message put together.
type Message struct {
	Source
	Token                         uint16
	Type                          Type
	TargetSystem, TargetComponent uint8
	Digest                        Digest   // of Bytes; zero for v1 types
	Bytes                         []byte   // the message; the caller's
	Refs                          []uint64 // which chunks it was made of, by position; the caller's
	// Repeat means that all of the message came again, byte for byte, within MaxAge.
	Repeat bool
}

// Partial is a message of which chunks are missing, or of which no tried combination of chunks
// fits its digest.
type Partial struct {
	Source
	Token                         uint16
	Type                          Type
	TargetSystem, TargetComponent uint8
	Digest                        Digest   // as its chunks claim; zero for v1 types
	Seen, Count                   int      // how many of the positions have a chunk
	Refs                          []uint64 // the chunks held, in the order they came; the caller's
	// Spoiled means that forged chunks used up what is tried for one message.
	Spoiled bool
}

// Assembler puts chunks together. It is made by [NewAssembler] and not safe for
// concurrent use.
type Assembler struct {
	limits Limits
	begun  map[key]*assembly
	byAge  list.List               // of *assembly, the one longest without a new chunk first
	bySeen [MaxCount + 1]list.List // of *assembly by the number of positions seen, likewise
	bytes  int                     // held, as docs/chunk.md counts
	last   time.Duration           // the time given last
	clock  uint64                  // the sum of its steps forward, in nanoseconds
	ticked bool                    // whether last was given
}

// Sizes by which memory is counted, in bytes.
const (
	costMessage = 512
	costChunk   = 64
	leastBytes  = 256 << 10
)

// NewAssembler returns an assembler that holds nothing yet.
func NewAssembler(limits Limits) *Assembler {
	if limits.MaxBytes == 0 {
		limits.MaxBytes = 4 << 20
	}
	limits.MaxBytes = max(limits.MaxBytes, leastBytes)
	if limits.MaxAge <= 0 {
		limits.MaxAge = time.Minute
	}
	return &Assembler{limits: limits, begun: map[key]*assembly{}}
}

// Add takes a chunk that came from the given sender at now, by any clock that goes on
// while chunks come: the time since a start, or a log's. ref is the caller's name for the
// chunk, such as the index of its record. Add returns the messages that the chunk completes, today
// at most one. The chunk's data is not retained. The error is [ErrMalformed] or
// [ErrType], for chunks that Cut cannot have made; they leave no trace.
func (a *Assembler) Add(from Source, c Chunk, now time.Duration, ref uint64) ([]Message, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	a.tick(now)
	k := key{Source: from, token: c.Token, typ: c.Type, targetSystem: c.TargetSystem, targetComponent: c.TargetComponent, count: c.Count}
	piece := c.Data
	if !c.Type.V1() {
		k.digest = Digest(c.Data[:DigestSize])
		piece = c.Data[DigestSize:]
	}
	m := a.begun[k]
	if m == nil {
		m = &assembly{key: k, budget: combinations}
		m.age = a.byAge.PushBack(m)
		m.rank = a.bySeen[0].PushBack(m)
		a.begun[k] = m
		a.bytes += costMessage
	}
	before := m.held
	took, whole := m.add(c.Seq, piece, ref)
	a.bytes += m.held - before
	if took {
		m.touched = a.clock
		a.byAge.MoveToBack(m.age)
		a.bySeen[m.ranked].Remove(m.rank)
		m.ranked = m.seen
		m.rank = a.bySeen[m.ranked].PushBack(m)
		a.shrink(m)
	}
	if whole == nil {
		return nil, nil
	}
	return []Message{*whole}, nil
}

// Pending returns what is begun and incomplete, in no particular order.
func (a *Assembler) Pending() []Partial {
	var list []Partial
	for _, m := range a.begun {
		if len(m.parts) > 0 {
			list = append(list, m.partial())
		}
	}
	return list
}

// tick advances the clock and gives up what is too old. A step back is no time at all: the
// clock sums up steps forward, so that a log whose times jump ahead and back loses
// what was begun before the jump and no more.
func (a *Assembler) tick(now time.Duration) {
	if a.ticked && now > a.last {
		a.clock += min(uint64(now)-uint64(a.last), uint64(a.limits.MaxAge)+1)
	}
	a.last, a.ticked = now, true
	for e := a.byAge.Front(); e != nil; e = a.byAge.Front() {
		m := e.Value.(*assembly)
		if a.clock-m.touched <= uint64(a.limits.MaxAge) {
			break
		}
		a.drop(m)
	}
}

// shrink gives up messages other than keep until what is held is within bounds: those
// of which the least was seen, complete ones first.
func (a *Assembler) shrink(keep *assembly) {
	for seen := 0; seen < len(a.bySeen) && a.bytes > a.limits.MaxBytes; {
		e := a.bySeen[seen].Front()
		if e != nil && e.Value == keep {
			e = e.Next()
		}
		if e == nil {
			seen++
			continue
		}
		a.drop(e.Value.(*assembly))
	}
}

// drop forgets a message.
func (a *Assembler) drop(m *assembly) {
	delete(a.begun, m.key)
	a.byAge.Remove(m.age)
	a.bySeen[m.ranked].Remove(m.rank)
	a.bytes -= costMessage + m.held
	if len(m.parts) > 0 && a.limits.Dropped != nil {
		a.limits.Dropped(m.partial())
	}
}
