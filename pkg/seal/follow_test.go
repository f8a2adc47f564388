package seal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// followed is what Follow is told to append.
type followed struct {
	mu     sync.Mutex
	seal   []byte
	pieces int
	final  bool
}

func (f *followed) append(piece []byte, final bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seal = append(f.seal, piece...)
	f.pieces++
	f.final = final
	return nil
}

func following(f *followed) Following {
	o := Following{Options: testOptions(), Append: f.append}
	o.Clock, o.Workers = time.Now, 1
	return o
}

// TestFollow checks when notes are made: after so much time if there are records without one,
// and not otherwise.
func TestFollow(t *testing.T) {
	// Batches have channels, and those made in a bubble are of no use outside it.
	defer func() { batches = sync.Pool{New: batches.New} }()
	synctest.Test(t, func(t *testing.T) {
		key, public := testKey(t, 1)
		segs := segments(testLog(t))[:300]
		log := bytes.Join(segs, nil)
		in, out := io.Pipe()
		defer out.Close()
		var f followed
		o := following(&f)
		o.Every = 10 * time.Second
		done := make(chan error, 1)
		go func() {
			_, err := Follow(in, seeds, key, o)
			done <- err
		}()
		wait := func(d time.Duration, notes int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.pieces != notes {
				t.Fatalf("%d notes, want %d", f.pieces, notes)
			}
		}
		wait(25*time.Second, 0) // nothing has come
		out.Write(bytes.Join(segs[:100], nil))
		wait(time.Second, 0)
		wait(5*time.Second, 1)
		wait(time.Minute, 1) // nothing new has come
		p, err := Parse(f.seal)
		if err != nil || p.Last().Final || p.Last().Leaves > 100 || p.Last().Leaves < 60 {
			t.Fatalf("%+v: %v", p, err)
		}
		out.Write(bytes.Join(segs[100:], nil))
		wait(10*time.Second, 2)
		out.Close()
		if err := <-done; err != nil || !f.final || f.pieces != 3 {
			t.Fatalf("%d pieces, final %v: %v", f.pieces, f.final, err)
		}
		v := judge(t, Request{Log: asLog(log), Seal: f.seal, Keys: []Key{public}, Seeds: seeds})
		if v.Outcome != Valid || v.Notes != 3 {
			t.Errorf("%s (%s), %d notes", v.Outcome, v.Reason, v.Notes)
		}
	})
}

// TestFollowResumed ends a following after each of its notes, as a crash does, and goes on;
// the result must be what one that was never interrupted makes, index and tiles included.
func TestFollowResumed(t *testing.T) {
	t.Parallel()
	key, public := testKey(t, 1)
	r := rand.New(rand.NewPCG(3, 3))
	log := bytes.Join([][]byte{testLog(t)[:60_000], make([]byte, 3000), testLog(t)[60_000:130_000], {1, 2, 3}}, nil)
	whole := sealLog(t, log, nil)
	for range 10 {
		var f followed
		var index bytes.Buffer
		crash := errors.New("crash")
		from, rounds := int64(0), 0
		var earlier *Resumed
		for {
			o := following(&f)
			o.EveryRecords, o.Earlier = uint64(300+r.IntN(300)), earlier
			o.Index = &index
			index.Reset()
			left := 1 + r.IntN(3)
			o.Append = func(piece []byte, final bool) error {
				if left--; left == 0 && !final {
					f.append(piece[:r.IntN(len(piece))], false) // torn
					return crash
				}
				return f.append(piece, final)
			}
			_, err := Follow(bytes.NewReader(log[from:]), seeds, key, o)
			if err == nil {
				break
			}
			if rounds++; err != crash {
				t.Fatal(err)
			}
			var keep int
			earlier, keep, from, err = Resume(f.seal, asLog(log), key, 1)
			if err != nil { // inside the first note: from the beginning
				f.seal, earlier, from = nil, nil, 0
				continue
			}
			f.seal = f.seal[:keep]
		}
		s := asLog(index.Bytes())
		v := judge(t, Request{Log: asLog(log), Seal: f.seal, Index: &s, Keys: []Key{public}, Seeds: seeds})
		if v.Outcome != Valid || len(v.Warnings) > 0 || !bytes.Equal(index.Bytes(), whole.index) {
			t.Fatalf("after %d crashes: %s (%s) %q", rounds, v.Outcome, v.Reason, v.Warnings)
		}
		a, _ := Parse(f.seal)
		b, _ := Parse(whole.seal)
		if a.Last().Root != b.Last().Root || !slices.Equal(a.Tiles, b.Tiles) {
			t.Fatal("another root, or other tiles")
		}
	}
}

// TestResumeRefuses checks what cannot be gone on with.
func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	key, _ := testKey(t, 1)
	rival, _ := testKey(t, 2)
	log := bytes.Join(segments(testLog(t))[:700], nil)
	s := sealLog(t, log, func(o *Options) { o.EveryRecords = 300 })
	open := bytes.SplitAfterN(s.seal, []byte("\n\ncqkit/"), 3)
	two := bytes.TrimSuffix(bytes.Join(open[:2], nil), []byte("\ncqkit/"))
	if _, keep, at, err := Resume(two, asLog(log), key, 1); err != nil || keep != len(two) || at <= 0 {
		t.Fatalf("%d of %d bytes, at %d: %v", keep, len(two), at, err)
	}
	changed := bytes.Clone(log)
	changed[100] ^= 1
	forged := bytes.Clone(two)
	forged[len(forged)-3000] ^= 1
	for name, err := range map[string]error{
		"final":      second(Resume(s.seal, asLog(log), key, 1)),
		"changed":    second(Resume(two, asLog(changed), key, 1)),
		"shorter":    second(Resume(two, asLog(log[:5000]), key, 1)),
		"by another": second(Resume(two, asLog(log), rival, 1)),
		"forged":     second(Resume(forged, asLog(log), key, 1)),
		"empty":      second(Resume(nil, asLog(log), key, 1)),
	} {
		if err == nil {
			t.Errorf("%s: gone on with", name)
		}
	}
}

func second(_ *Resumed, _ int, _ int64, err error) error { return err }

// TestFollowFails checks that a log that cannot be read leaves an open seal, and that what cannot
// be written ends the following.
func TestFollowFails(t *testing.T) {
	t.Parallel()
	key, public := testKey(t, 1)
	log := bytes.Join(segments(testLog(t))[:700], nil)
	var f followed
	o := following(&f)
	o.EveryRecords = 200
	broken := errors.New("broken")
	_, err := Follow(io.MultiReader(bytes.NewReader(log), iotest.ErrReader(broken)), seeds, key, o)
	if !errors.Is(err, broken) || f.final {
		t.Errorf("%v, final %v", err, f.final)
	}
	if v := judge(t, Request{Log: asLog(log), Seal: f.seal, Keys: []Key{public}, Seeds: seeds}); v.Outcome != Open || v.Notes != 3 {
		t.Errorf("%s, %d notes", v.Outcome, v.Notes)
	}
	o.Append = func([]byte, bool) error { return broken }
	if _, err := Follow(bytes.NewReader(log), seeds, key, o); !errors.Is(err, broken) {
		t.Error(err)
	}
	o = following(&f)
	o.EveryRecords, o.Embed = 200, failing{}
	if _, err := Follow(bytes.NewReader(log), seeds, key, o); !errors.Is(err, errFailing) {
		t.Error(err)
	}
}

type failing struct{}

var errFailing = errors.New("no room")

func (failing) Write([]byte) (int, error) { return 0, errFailing }
