package wire

import (
	"bytes"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

// link is a sender and a receiver in one session.
func link(t testing.TB) (*Sender, *Receiver, ReceiverOptions) {
	t.Helper()
	pilot, vehicle := newKey(t, 1), newKey(t, 9)
	session := SessionID(fill(1, 16))
	s := &Sender{Key: pilot, Signer: FingerprintOf(pilot.Public()), Receiver: FingerprintOf(vehicle.Public()), Session: session}
	o := ReceiverOptions{Self: s.Receiver, System: 1, Components: []uint8{1}, Keys: Keys(pilot.Public()), Session: session}
	r, err := NewReceiver(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, r, o
}

// frames are those of the chunks that state the command of a frame.
func (s *Sender) frames(t testing.TB, f tlog.Frame) (list []tlog.Frame) {
	t.Helper()
	chunks, err := s.Chunks(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range chunks {
		list = append(list, chunks[i].AppendFrame(nil, byte(i), f.System(), f.Component()))
	}
	return list
}

// give hands frames to the receiver, and returns what the last answer was.
func give(r *Receiver, frames []tlog.Frame) (c *Command, err error) {
	for i, f := range frames {
		c, err = r.Add(f, time.Duration(i)*time.Millisecond)
		if (c != nil || err != nil) && i < len(frames)-1 {
			return c, errors.New("an answer before the last chunk")
		}
	}
	return c, err
}

func arm() tlog.Frame { return makeFrame(3, 255, 190, mav.IDCommandLong, commandLong(1, 1)) }

func TestReceiver(t *testing.T) {
	s, r, _ := link(t)
	frame := arm()
	sent := s.frames(t, frame)
	c, err := give(r, sent)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != mav.IDCommandLong || !bytes.Equal(c.Payload, trim(frame.Payload())) || c.Source != (Address{255, 190}) || c.Target != (Address{1, 1}) || c.Nonce != 1 {
		t.Errorf("%+v", c)
	}
	if _, err := give(r, sent); !errors.Is(err, ErrReplayed) {
		t.Errorf("sent again: %v", err)
	}
	if c, err := r.Add(frame, 0); c != nil || err != nil {
		t.Errorf("a frame that is no chunk: %v, %v", c, err)
	}
	early, late := s.frames(t, frame), s.frames(t, frame)
	if _, err := give(r, late); err != nil {
		t.Fatal(err)
	}
	if _, err := give(r, early); !errors.Is(err, ErrReplayed) {
		t.Errorf("overtaken: %v", err)
	}
}

func TestReceiverLate(t *testing.T) {
	s, _, o := link(t)
	o.Late = true
	r, err := NewReceiver(o)
	if err != nil {
		t.Fatal(err)
	}
	early, late := s.frames(t, arm()), s.frames(t, arm())
	for i, frames := range [][]tlog.Frame{late, early} {
		if _, err := give(r, frames); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	for i, frames := range [][]tlog.Frame{late, early} {
		if _, err := give(r, frames); !errors.Is(err, ErrReplayed) {
			t.Errorf("again, %d: %v", i, err)
		}
	}
}

// TestReceiverRefuses changes one thing about a command that would be obeyed, signed by
// who would be obeyed, and about the receiver.
func TestReceiverRefuses(t *testing.T) {
	pilot := newKey(t, 1)
	for _, tt := range []struct {
		name string
		edit func(c *Command)
		want error
	}{
		{"nothing", func(*Command) {}, nil},
		{"to all systems", func(c *Command) { c.Payload = commandLong(0, 0); c.Target = Address{} }, nil},
		{"receiver", func(c *Command) { c.Receiver[0] ^= 1 }, ErrForeign},
		{"session", func(c *Command) { c.Session[15] ^= 1 }, ErrForeign},
		{"no session", func(c *Command) { c.Session = SessionID{} }, ErrForeign},
		{"target system", func(c *Command) { c.Payload = commandLong(2, 1); c.Target.System = 2 }, ErrForeign},
		{"target component", func(c *Command) { c.Payload = commandLong(1, 2); c.Target.Component = 2 }, ErrForeign},
		{"target beside the payload", func(c *Command) { c.Payload = commandLong(2, 1) }, ErrContradiction},
		{"unknown signer", func(c *Command) { c.Signer[0] ^= 1 }, ErrUnknownSigner},
		{"after capture", func(c *Command) {
			c.Receiver, c.Session, c.Origin = Fingerprint{}, SessionID{}, Origin{1}
		}, ErrNotLive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, r, _ := link(t)
			c := CommandOf(arm())
			c.Signer, c.Receiver, c.Session, c.Nonce = s.Signer, s.Receiver, s.Session, 1
			tt.edit(&c)
			message, err := c.Sign(pilot)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Open(message)
			if !errors.Is(err, tt.want) || (got != nil) != (tt.want == nil) {
				t.Fatalf("%v, %v; want %v", got, err, tt.want)
			}
		})
	}
	s, r, _ := link(t)
	chunks, err := s.Chunks(arm())
	if err != nil {
		t.Fatal(err)
	}
	var message []byte
	for _, c := range chunks {
		message = append(message, c.Data[16:]...)
	}
	message[len(message)-1] ^= 1
	if _, err := r.Open(message); !errors.Is(err, pqsig.ErrBadSignature) {
		t.Errorf("a changed signature: %v", err)
	}
	message[len(message)-1] ^= 1
	if _, err := r.Open(message); err != nil {
		t.Errorf("a forgery spoils the nonce: %v", err)
	}
}

func TestReceiverOptions(t *testing.T) {
	_, _, o := link(t)
	for name, edit := range map[string]func(*ReceiverOptions){
		"no floor": func(o *ReceiverOptions) { o.Session = SessionID{} },
		"late": func(o *ReceiverOptions) {
			o.Session, o.Late, o.Floor = SessionID{}, true, func(Fingerprint, uint64) (bool, error) { return true, nil }
		},
		"no key":        func(o *ReceiverOptions) { o.Self = Fingerprint{} },
		"nobody obeyed": func(o *ReceiverOptions) { o.Keys = nil },
	} {
		bad := o
		edit(&bad)
		if _, err := NewReceiver(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestReceiverRestarts does without a session and forgets everything but the floor.
func TestReceiverRestarts(t *testing.T) {
	s, _, o := link(t)
	s.Session, o.Session = SessionID{}, SessionID{}
	var source nonce.Source
	s.Nonces = func() (uint64, error) { return source.Next(flightStart * 1000) }
	file := nonce.NewFile(filepath.Join(t.TempDir(), "state"))
	start := func() *Receiver {
		tracker := nonce.NewDurableTracker(file, nonce.ID{Key: s.Signer.String(), Subject: s.Receiver.String()}, 0)
		o.Floor = func(_ Fingerprint, n uint64) (bool, error) { return tracker.Accept(t.Context(), n) }
		r, err := NewReceiver(o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first, second := s.frames(t, arm()), s.frames(t, arm())
	if _, err := give(start(), first); err != nil {
		t.Fatal(err)
	}
	if _, err := give(start(), first); !errors.Is(err, ErrReplayed) {
		t.Errorf("after a restart: %v", err)
	}
	if _, err := give(start(), second); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

// TestReceiverRaces opens the same messages from many goroutines: each is obeyed once.
func TestReceiverRaces(t *testing.T) {
	s, _, o := link(t)
	o.Late = true
	r, err := NewReceiver(o)
	if err != nil {
		t.Fatal(err)
	}
	var messages [][]byte
	for range 5 {
		chunks, err := s.Chunks(arm())
		if err != nil {
			t.Fatal(err)
		}
		var m []byte
		for _, c := range chunks {
			m = append(m, c.Data[16:]...)
		}
		messages = append(messages, m)
	}
	var obeyed atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, m := range messages {
				if _, err := r.Open(m); err == nil {
					obeyed.Add(1)
				} else if !errors.Is(err, ErrReplayed) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if obeyed.Load() != int64(len(messages)) {
		t.Errorf("%d of %d were obeyed", obeyed.Load(), len(messages))
	}
}

// TestLiveInALog judges a recording of live commands.
func TestLiveInALog(t *testing.T) {
	s, r, _ := link(t)
	var log []entry
	const n = 6
	for i, e := range flight(n) {
		log = append(log, e)
		if f := tlog.Frame(e.frame); StateChanging(f) {
			for k, c := range s.frames(t, f) {
				log = append(log, entry{e.time + int64(k), c})
				if c, err := r.Add(c, time.Duration(i)); err != nil || k == 20 && c == nil {
					t.Fatal(c, err)
				}
			}
		}
	}
	j := judge(t, join(log), JudgeOptions{})
	j.want(t, map[Verdict]int64{Authentic: n})
	for _, f := range j.Findings {
		if f.Logged || f.Session != s.Session || f.Receiver != s.Receiver || f.Signer != s.Signer {
			t.Errorf("%+v", f)
		}
	}
	// equal commands in a burst, the statements behind all of them
	var burst, behind []entry
	for i := range 4 {
		f := arm()
		burst = append(burst, entry{flightStart + int64(i), f})
		for _, c := range s.frames(t, f) {
			behind = append(behind, entry{flightStart + 1000*int64(i), c})
		}
	}
	judge(t, join(append(burst, behind...)), JudgeOptions{}).want(t, map[Verdict]int64{Authentic: 4})
	judge(t, join(append(burst[:3:3], behind...)), JudgeOptions{}).want(t, map[Verdict]int64{Authentic: 3, Orphaned: 1})
	judge(t, join(append(append(burst, behind...), behind[:21]...)), JudgeOptions{}).want(t, map[Verdict]int64{Authentic: 4, Replayed: 1})
}
