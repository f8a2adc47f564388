package figures

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"cqkit/pkg/align"
	"cqkit/pkg/bench"
	"cqkit/pkg/mav"
	"cqkit/pkg/merkle"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// A sealed is a log with its seal.
type sealed struct {
	data    []byte
	seal    []byte
	records uint64
	ends    []int // of its segments
	seeds   *tlog.Seeds
	key     *pqsig.PrivateKey
	nonces  nonce.Source
}

// Seal are the figures of what is done with a log, in memory, by each number of workers. With more than one the name ends in
// the number: seal/verify/2.
func Seal(log []byte, workers []int) (s Set, err error) {
	l := &sealed{data: log, seeds: tlog.NewSeeds(mav.Seeds()), key: must(pqsig.NewPrivateKey(pqsig.MLDSA87, make([]byte, pqsig.MLDSA87SeedSize)))}
	if err := l.prepare(); err != nil {
		return s, err
	}
	add := func(name, bound string, f func()) {
		s.add(Figure{Contender: bench.Contender{Name: name, Items: float64(l.records), Bytes: float64(len(log)), Func: times(f)}, Bound: bound})
	}
	add("seal/cut", "bound/hash", l.cut)
	add("bound/tree", "bound/hash", l.tree())
	for _, n := range workers {
		suffix := ""
		if n > 1 {
			suffix = fmt.Sprintf("/%d", n)
		}
		add("bound/hash"+suffix, "", func() { hashParts(log, n) })
		add("seal/sign"+suffix, "bound/hash"+suffix, func() { l.sign(n) })
		add("seal/verify"+suffix, "bound/hash"+suffix, func() { l.verify(n) })
	}
	add("seal/prove", "bound/hash", l.prove)
	add("seal/align", "", l.align())
	proof := must(must(seal.NewProver(l.log(), l.seal, 1)).Record(l.records / 2))
	s.add(Figure{Contender: bench.Contender{Name: "seal/check-proof", Bytes: float64(len(proof)), Func: times(func() {
		if v := seal.VerifyProof(proof, l.keys()); v.Outcome != seal.Valid {
			panic(v.Reason)
		}
	})}})
	s.named("seal")
	for _, n := range workers {
		suffix := ""
		if n > 1 {
			suffix = fmt.Sprintf("/%d", n)
		}
		s.Sizes = append(s.Sizes,
			Size{"seal/sign" + suffix + "/memory", "log", func() (float64, error) { return peak(func() { l.sign(n) }), nil }},
			Size{"seal/verify" + suffix + "/memory", "log", func() (float64, error) { return peak(func() { l.verify(n) }), nil }})
	}
	return s, nil
}

// prepare seals the log and cuts it.
func (l *sealed) prepare() error {
	sealed, summary, err := l.signed(1)
	if err != nil {
		return err
	}
	if summary.Records == 0 {
		return errors.New("there are no records in the log")
	}
	l.seal, l.records = sealed, summary.Records
	for s := tlog.NewSliceScanner(l.data, l.seeds, tlog.Timed); ; {
		segment, err := s.Next()
		if err != nil {
			return nil
		}
		l.ends = append(l.ends, int(segment.Offset)+len(segment.Data))
	}
}

func (l *sealed) log() seal.Log {
	return seal.Log{ReaderAt: bytes.NewReader(l.data), Size: int64(len(l.data))}
}

func (l *sealed) keys() []seal.Key {
	return []seal.Key{{Public: l.key.Public(), Fingerprint: l.key.Public().Fingerprint()}}
}

func (l *sealed) signed(workers int) ([]byte, *seal.Summary, error) {
	return seal.Sign(bytes.NewReader(l.data), l.seeds, seal.SigningKey{Private: l.key, Fingerprint: l.key.Public().Fingerprint()},
		seal.Options{Signer: "bench", Name: "bench.tlog", Clock: time.Now, Nonces: &l.nonces, Workers: workers})
}

func (l *sealed) sign(workers int) {
	_, _, err := l.signed(workers)
	check(err)
}

func (l *sealed) verify(workers int) {
	v := must(seal.Verify(seal.Request{Log: l.log(), Seal: l.seal, Seeds: l.seeds, Workers: workers, Keys: l.keys()}))
	if v.Outcome != seal.Valid {
		panic(v.Reason)
	}
}

func (l *sealed) cut() {
	for s := tlog.NewSliceScanner(l.data, l.seeds, tlog.Timed); ; {
		if _, err := s.Next(); err != nil {
			return
		}
	}
}

// prove makes a proof as cqsign does: it reads the whole log.
func (l *sealed) prove() {
	must(must(seal.NewProver(l.log(), l.seal, 1)).Record(l.records / 2))
}

// tree hashes leaves and nodes, and nothing else, on one processor.
func (l *sealed) tree() func() {
	hashes := make([]merkle.Hash, len(l.ends))
	var h merkle.Hasher
	return func() {
		h.Leaves(hashes, l.data, l.ends)
		h.Root(hashes)
	}
}

// align finds a thousandth of the records changed, as much dropped, and as much doubled.
func (l *sealed) align() func() {
	hashes := make([]merkle.Hash, len(l.ends))
	new(merkle.Hasher).Leaves(hashes, l.data, l.ends)
	before := make([]uint64, len(hashes))
	var after []uint64
	for i, h := range hashes {
		before[i] = binary.BigEndian.Uint64(h[:])
		switch i % 1000 {
		case 250:
			after = append(after, ^before[i])
		case 500:
		case 750:
			after = append(after, before[i], before[i])
		default:
			after = append(after, before[i])
		}
	}
	return func() { align.Align(before, after, align.Options{}) }
}

// hashParts is one SHA-256 over all bytes, or one over each of n parts at once.
func hashParts(data []byte, n int) {
	if n == 1 {
		sha256.Sum256(data)
		return
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { sha256.Sum256(data[len(data)*i/n : len(data)*(i+1)/n]) })
	}
	wg.Wait()
}
