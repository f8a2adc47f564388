package seal

import (
	"sync"

	"cqkit/pkg/merkle"
)

// tileLeaves is how many leaves one tile stands for.
const tileLeaves = 256

// A batch is what one worker hashes at a time: large enough that handing it over
// costs nothing, small enough to stay in a core's cache. Batches grow to that size as
// they are filled, and are used again: small logs need little.
const (
	batchLeaves = 16 * tileLeaves
	batchBytes  = 256 << 10
)

// tree computes the tree over segments as they come. One goroutine adds them, some
// hash batches of them, and one joins the batches in order; with one worker, the
// goroutine that adds does it all. It keeps no more than the batches under way and the
// roots of the tiles, 1/8 byte a leaf.
type tree struct {
	jobs  chan *batch // nil with one worker, as are the next three
	queue chan *batch // the same batches, in order
	free  chan *batch
	ended chan struct{}

	cur   *batch
	count uint64 // leaves added

	// sink, if set, is given the index prefixes of consecutive leaves, in order.
	sink func(prefixes []byte) error

	// The rest is the joining goroutine's, if there is one, until ended is closed or a
	// sync returns.
	frontier merkle.Frontier
	tail     []merkle.Hash // leaf hashes of the incomplete last tile
	tiles    []merkle.Hash // roots of the complete tiles
	fold     merkle.Hasher
	err      error // of sink
}

type batch struct {
	first  uint64 // leaf number of the first leaf
	data   []byte
	ends   []int
	large  []largeLeaf
	hashes []merkle.Hash
	tiles  []merkle.Hash // of the complete tiles inside
	prefix []byte
	ready  chan struct{}
	sync   chan struct{} // closed when everything before is joined; no leaves then
}

// largeLeaf is a segment hashed already, because it came in pieces or is long.
type largeLeaf struct {
	at   int
	hash merkle.Hash
}

// newTree starts workers goroutines that hash and one that joins. It starts none for
// one worker: a small log is hashed sooner than handed over and waited for, and who
// has many of them keeps the other cores busy with the next.
func newTree(workers int, sink func([]byte) error) *tree {
	t := &tree{sink: sink}
	if workers > 1 {
		t.start(workers)
	}
	t.cur = t.take()
	return t
}

func (t *tree) start(workers int) {
	depth := workers + 2
	t.jobs = make(chan *batch, depth)
	t.queue = make(chan *batch, depth)
	t.free = make(chan *batch, depth+workers+2)
	t.ended = make(chan struct{})
	for range workers {
		go func() {
			var h merkle.Hasher
			for b := range t.jobs {
				b.hash(&h, t.sink != nil)
				b.ready <- struct{}{}
			}
		}()
	}
	go t.joinAll()
}

// batches keeps batches between trees: most logs are small, and growing buffers anew
// for each would cost more than hashing it.
var batches = sync.Pool{New: func() any { return &batch{ready: make(chan struct{}, 1)} }}

func (t *tree) take() *batch {
	var b *batch
	select {
	case b = <-t.free:
	default:
		b = batches.Get().(*batch)
	}
	b.clear(t.count)
	return b
}

// clear makes the batch ready for leaves from number first on.
func (b *batch) clear(first uint64) {
	b.first, b.data, b.ends, b.large = first, b.data[:0], b.ends[:0], b.large[:0]
}

// add appends one segment, of at most batchBytes, as a leaf. It copies it.
func (t *tree) add(segment []byte) {
	b := t.cur
	b.data = append(b.data, segment...)
	t.added()
}

// addHash appends a leaf by its hash.
func (t *tree) addHash(h merkle.Hash) {
	t.cur.large = append(t.cur.large, largeLeaf{len(t.cur.ends), h})
	t.added()
}

func (t *tree) added() {
	b := t.cur
	b.ends = append(b.ends, len(b.data))
	t.count++
	if len(b.ends) == batchLeaves || len(b.data) >= batchBytes {
		t.flush()
	}
}

func (t *tree) flush() {
	switch {
	case len(t.cur.ends) == 0:
	case t.jobs == nil:
		t.cur.hash(&t.fold, t.sink != nil)
		t.join(t.cur)
		t.cur.clear(t.count)
	default:
		t.queue <- t.cur
		t.jobs <- t.cur
		t.cur = t.take()
	}
}

// root returns the number of leaves so far and the root over them.
func (t *tree) root() (uint64, merkle.Hash, error) {
	t.flush()
	if t.queue != nil {
		done := make(chan struct{})
		t.queue <- &batch{sync: done}
		<-done
	}
	tail := append([]merkle.Hash(nil), t.tail...)
	if len(tail) == 0 {
		return t.count, t.frontier.Root(), t.err
	}
	n := uint64(len(tail))
	root, err := t.frontier.RootWith(t.fold.Root(tail), n)
	if err != nil {
		return 0, merkle.Hash{}, err
	}
	return t.count, root, t.err
}

// allTiles returns the roots of all tiles, the last one complete or not. It must
// follow a call of root.
func (t *tree) allTiles() []merkle.Hash {
	if len(t.tail) == 0 {
		return t.tiles
	}
	tail := append([]merkle.Hash(nil), t.tail...)
	return append(t.tiles[:len(t.tiles):len(t.tiles)], t.fold.Root(tail))
}

// close ends the goroutines. It must be called once, also after an error.
func (t *tree) close() {
	batches.Put(t.cur)
	if t.jobs == nil {
		return
	}
	close(t.jobs)
	close(t.queue)
	<-t.ended
	for {
		select {
		case b := <-t.free:
			batches.Put(b)
		default:
			return
		}
	}
}

// hash computes a batch's leaf hashes and folds the complete tiles among them.
func (b *batch) hash(h *merkle.Hasher, index bool) {
	n := len(b.ends)
	if cap(b.hashes) < n {
		b.hashes = make([]merkle.Hash, n)
	}
	b.hashes = b.hashes[:n]
	h.Leaves(b.hashes, b.data, b.ends)
	for _, l := range b.large {
		b.hashes[l.at] = l.hash
	}
	if index {
		b.prefix = b.prefix[:0]
		for i := range b.hashes {
			b.prefix = append(b.prefix, b.hashes[i][:prefixSize]...)
		}
	}
	b.tiles = b.tiles[:0]
	for i := b.head(); i+tileLeaves <= n; i += tileLeaves {
		b.tiles = append(b.tiles, h.Root(b.hashes[i:i+tileLeaves]))
	}
}

// head returns how many leaves the batch has before the first tile that begins in it.
func (b *batch) head() int {
	return min(int(-b.first%tileLeaves), len(b.ends))
}

// joinAll joins the batches of the queue until it is closed.
func (t *tree) joinAll() {
	defer close(t.ended)
	for b := range t.queue {
		if b.sync != nil {
			close(b.sync)
			continue
		}
		<-b.ready
		t.join(b)
		select {
		case t.free <- b:
		default:
		}
	}
}

// join adds a batch that was hashed.
func (t *tree) join(b *batch) {
	if t.sink != nil && t.err == nil {
		t.err = t.sink(b.prefix)
	}
	head := b.head()
	t.append(b.hashes[:head])
	for _, root := range b.tiles {
		t.tile(root)
	}
	t.append(b.hashes[head+len(b.tiles)*tileLeaves:])
}

// append adds leaf hashes that no worker folded.
func (t *tree) append(hashes []merkle.Hash) {
	for _, h := range hashes {
		if t.tail = append(t.tail, h); len(t.tail) == tileLeaves {
			t.tile(t.fold.Root(t.tail))
			t.tail = t.tail[:0]
		}
	}
}

func (t *tree) tile(root merkle.Hash) {
	t.tiles = append(t.tiles, root)
	if err := t.frontier.Append(root, tileLeaves); err != nil && t.err == nil {
		t.err = err
	}
}
