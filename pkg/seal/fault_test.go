package seal

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

var errDisk = errors.New("input/output error")

// faulty is a log whose reads fail, or whose bytes change, after some of them.
type faulty struct {
	data  []byte
	after int64 // reads that go well; what happens then is below
	then  func(p []byte, off int64) (int, error)
	reads atomic.Int64
}

func (f *faulty) ReadAt(p []byte, off int64) (int, error) {
	if f.reads.Add(1) > f.after {
		return f.then(p, off)
	}
	return readAt(f.data, p, off)
}

func readAt(data, p []byte, off int64) (int, error) {
	if off >= int64(len(data)) {
		return 0, io.EOF
	}
	n := copy(p, data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// faults are what may happen to a log while it is read.
func faults(data []byte) map[string]func(p []byte, off int64) (int, error) {
	changed := bytes.Clone(data)
	for i := 7; i < len(changed); i += 997 {
		changed[i] ^= 0x55
	}
	return map[string]func(p []byte, off int64) (int, error){
		"fails":   func([]byte, int64) (int, error) { return 0, errDisk },
		"is torn": func(p []byte, off int64) (int, error) { n, _ := readAt(data, p[:len(p)/2], off); return n, errDisk },
		"shrinks": func(p []byte, off int64) (int, error) { return readAt(data[:len(data)/3], p, off) },
		"empties": func(p []byte, off int64) (int, error) { return 0, io.EOF },
		"grows": func(p []byte, off int64) (int, error) {
			return readAt(append(data[:len(data):len(data)], data...), p, off)
		},
		"zeroes":  func(p []byte, off int64) (int, error) { clear(p); return len(p), nil },
		"changes": func(p []byte, off int64) (int, error) { return readAt(changed, p, off) },
	}
}

// TestFaults lets logs fail at each of their reads. There may be an error or a verdict,
// but no panic, and valid only if all that was read was right.
func TestFaults(t *testing.T) {
	log := bytes.Join([][]byte{testLog(t)[:80_000], make([]byte, 400_000), testLog(t)[80_000:120_000]}, nil)
	s := sealLog(t, log, nil)
	altered := bytes.Clone(log)
	for i := 1000; i < len(altered); i += 30_000 {
		altered[i] ^= 1
	}
	altered = append(altered[:50_000], altered[50_321:]...)
	before := runtime.NumGoroutine()
	for _, presented := range [][]byte{log, altered} {
		for name, then := range faults(presented) {
			for _, index := range []bool{true, false} {
				for after := int64(0); ; after += int64(scaleDown(12)) {
					f := &faulty{data: presented, after: after, then: then}
					q := s.request(t, nil)
					if q.Log = (Log{f, int64(len(presented))}); !index {
						q.Index = nil
					}
					v, err := Verify(q)
					failed := f.reads.Load() > after
					switch {
					case err != nil && !failed:
						t.Fatalf("%s after %d: %v", name, after, err)
					case err == nil && v.Outcome == Valid && (failed && name != "grows" || &presented[0] != &log[0]):
						t.Fatalf("%s after %d: valid", name, after)
					case err == nil && v.Outcome != Valid && len(v.Findings) == 0:
						t.Fatalf("%s after %d: %s without findings", name, after, v.Outcome)
					case err == nil && failed && (name == "fails" || name == "is torn" || name == "shrinks" || name == "empties"):
						t.Fatalf("%s after %d: %s, no error", name, after, v.Outcome)
					case err != nil && (name == "fails" || name == "is torn") && !errors.Is(err, errDisk):
						t.Fatalf("%s after %d: %v", name, after, err)
					case err != nil && !strings.HasPrefix(err.Error(), "reading the log: "):
						t.Fatalf("%s after %d: %v", name, after, err)
					}
					if !failed {
						break
					}
				}
			}
		}
	}
	noLeak(t, before)
}

// noLeak checks that no more goroutines run than before.
func noLeak(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// TestIndexFaults checks that an index that cannot be read costs a warning.
func TestIndexFaults(t *testing.T) {
	s := sealLog(t, testLog(t), nil)
	altered := bytes.Clone(s.log)
	altered[5000] ^= 1
	for name, then := range faults(s.index) {
		for after := range int64(4) {
			for _, presented := range [][]byte{s.log, altered} {
				q := s.request(t, presented)
				f := &faulty{data: s.index, after: after, then: then}
				q.Index = &Log{f, int64(len(s.index))}
				v := judge(t, q)
				want := Valid
				if &presented[0] != &s.log[0] {
					want = Altered
				}
				if failed := f.reads.Load() > after && name != "grows"; v.Outcome != want || failed != (len(v.Warnings) > 0) {
					t.Errorf("%s after %d: %s, warnings %q", name, after, v.Outcome, v.Warnings)
				}
			}
		}
	}
}

// TestSignFaults checks that what cannot be read or written is not sealed.
func TestSignFaults(t *testing.T) {
	key, _ := testKey(t, 1)
	log := testLog(t)
	before := runtime.NumGoroutine()
	for name, r := range map[string]io.Reader{
		"at once":       iotest.ErrReader(errDisk),
		"in the middle": io.MultiReader(bytes.NewReader(log[:100_000]), iotest.ErrReader(errDisk)),
		"in a gap":      io.MultiReader(bytes.NewReader(log[:100_000]), bytes.NewReader(make([]byte, 600_000)), iotest.ErrReader(errDisk)),
		"at the end":    io.MultiReader(bytes.NewReader(log), iotest.ErrReader(errDisk)),
		"timeout":       iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(log))),
	} {
		data, sum, err := Sign(r, seeds, key, testOptions())
		if err == nil || data != nil || sum != nil {
			t.Errorf("%s: sealed, error %v", name, err)
		}
		if name != "timeout" && !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := testOptions()
	o.Index = failingWriter{}
	if data, _, err := Sign(bytes.NewReader(log), seeds, key, o); !errors.Is(err, errDisk) || data != nil {
		t.Errorf("an index that cannot be written: %v", err)
	}
	noLeak(t, before)
	for name, r := range map[string]io.Reader{
		"half": iotest.HalfReader(bytes.NewReader(log)), "data with the error": iotest.DataErrReader(bytes.NewReader(log)),
		"byte by byte": iotest.OneByteReader(bytes.NewReader(log)),
	} {
		data, _, err := Sign(r, seeds, key, testOptions())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v := judge(t, sealed{log: log, seal: data}.request(t, log)); v.Outcome != Valid {
			t.Errorf("%s: %s", name, v.Outcome)
		}
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errDisk }
