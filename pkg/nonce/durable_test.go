package nonce

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

var durableID = ID{Key: "SHA256:pilot", Subject: "commands"}

// restart remembers only what a killed process leaves: the file.
func TestDurableSourceAcrossRestarts(t *testing.T) {
	for _, ahead := range []uint64{0, 1, 2, 100} {
		file := NewFile(filepath.Join(t.TempDir(), "state"))
		rng := rand.New(rand.NewPCG(1, ahead))
		var last uint64
		for range 8 {
			s := NewDurableSource(file, durableID, ahead)
			for i := range rng.IntN(40) {
				n, err := s.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if n <= last || i > 0 && n != last+1 || n-last > max(ahead, 1) {
					t.Fatalf("ahead %d: %d after %d", ahead, n, last)
				}
				last = n
			}
		}
	}
}

func TestDurableSourceShared(t *testing.T) {
	file := NewFile(filepath.Join(t.TempDir(), "state"))
	a, b := NewDurableSource(file, durableID, 7), NewDurableSource(file, durableID, 3)
	seen := map[uint64]bool{}
	last := map[*DurableSource]uint64{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		s := a
		if rng.IntN(2) == 0 {
			s = b
		}
		n, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if seen[n] || n <= last[s] {
			t.Fatalf("%d was given out before, or after %d", n, last[s])
		}
		seen[n], last[s] = true, n
	}
}

func TestDurableSourceEnds(t *testing.T) {
	file := NewFile(filepath.Join(t.TempDir(), "state"))
	offer(t, file, durableID, Mark{Nonce: math.MaxUint64 - 2})
	s := NewDurableSource(file, durableID, 100)
	for _, want := range []uint64{math.MaxUint64 - 1, math.MaxUint64} {
		if n, err := s.Next(t.Context()); n != want || err != nil {
			t.Fatalf("Next = %d, %v, want %d", n, err, want)
		}
	}
	for range 2 {
		if n, err := s.Next(t.Context()); n != 0 || !errors.Is(err, ErrExhausted) {
			t.Fatalf("Next = %d, %v after the last", n, err)
		}
	}
	if n, err := NewDurableSource(file, durableID, 1).Next(t.Context()); !errors.Is(err, ErrExhausted) {
		t.Errorf("Next = %d, %v after a restart", n, err)
	}
}

// TestDurableSourceSurvivesItsFile: who removes the file can make another process repeat
// numbers, not this one.
func TestDurableSourceSurvivesItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := NewDurableSource(NewFile(path), durableID, 2)
	for want := uint64(1); want < 9; want++ {
		if n, err := s.Next(t.Context()); n != want || err != nil {
			t.Fatalf("Next = %d, %v, want %d", n, err, want)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func TestDurableErrorsGiveNothingAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	file := NewFile(path)
	s, tr := NewDurableSource(file, durableID, 1), NewDurableTracker(file, ID{Key: "k", Subject: "s"}, 10)
	if ok, err := tr.Accept(t.Context(), 5); !ok || err != nil {
		t.Fatal(ok, err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("damaged\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var parse *ParseError
	if n, err := s.Next(t.Context()); n != 0 || !errors.As(err, &parse) {
		t.Errorf("Next = %d, %v over a damaged file", n, err)
	}
	if ok, err := tr.Accept(t.Context(), 16); ok || !errors.As(err, &parse) {
		t.Errorf("Accept = %v, %v over a damaged file", ok, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := s.Next(gone); n != 0 || err == nil {
		t.Errorf("Next = %d, %v without time", n, err)
	}
	// What was reserved stays usable, and what failed can be tried again.
	if ok, err := tr.Accept(gone, 6); !ok || err != nil {
		t.Errorf("a reserved number: %v, %v", ok, err)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if ok, err := tr.Accept(t.Context(), 16); !ok || err != nil {
		t.Errorf("again: %v, %v", ok, err)
	}
}

// TestDurableTracker runs two processes on one file, each restarted now and then: no
// number is accepted twice, none in falling order within a process, and with nothing
// reserved all that are above every one before are accepted.
func TestDurableTracker(t *testing.T) {
	for _, ahead := range []uint64{0, 5} {
		file := NewFile(filepath.Join(t.TempDir(), "state"))
		rng := rand.New(rand.NewPCG(7, ahead))
		running := [2]*DurableTracker{NewDurableTracker(file, durableID, ahead), NewDurableTracker(file, durableID, ahead)}
		var highest, sent uint64
		seen := map[uint64]bool{}
		accepted := 0
		for range 300 {
			i := rng.IntN(2)
			if rng.IntN(20) == 0 {
				running[i] = NewDurableTracker(file, durableID, ahead)
			}
			n := sent + uint64(rng.IntN(8)) - min(3, sent)
			ok, err := running[i].Accept(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			if ok && (n == 0 || seen[n]) || ahead == 0 && ok != (n > highest) {
				t.Fatalf("ahead %d, highest %d: Accept(%d) = %v", ahead, highest, n, ok)
			}
			if ok {
				seen[n], highest = true, max(highest, n)
				accepted++
			} else if n > highest+ahead {
				t.Fatalf("ahead %d, highest %d: %d was refused", ahead, highest, n)
			}
			sent = max(highest, sent+uint64(rng.IntN(2))) // senders go on
		}
		if accepted < 50 {
			t.Errorf("only %d accepted", accepted)
		}
	}
	tr := NewDurableTracker(NewFile(filepath.Join(t.TempDir(), "state")), durableID, 10)
	for i, step := range []struct {
		n    uint64
		want bool
	}{{0, false}, {math.MaxUint64 - 1, true}, {math.MaxUint64, true}, {math.MaxUint64, false}, {1, false}} {
		if ok, err := tr.Accept(t.Context(), step.n); ok != step.want || err != nil {
			t.Errorf("step %d: Accept(%d) = %v, %v", i, step.n, ok, err)
		}
	}
}
