package link

import (
	"math"
	"testing"
	"time"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestByHand has what can be worked out on paper.
func TestByHand(t *testing.T) {
	plain := Of("x", 1000)
	event := Event{{Down, []int{100, 25}}}
	near(t, "plain", plain.Use(event).Load(), 1) // 125 bytes are 1000 bits
	if event.Bytes() != 125 || event.Frames() != 2 {
		t.Errorf("%d bytes in %d frames", event.Bytes(), event.Frames())
	}

	for _, tt := range []struct {
		link  Link
		event Event
		want  float64 // seconds
	}{
		// 252 bytes at 46,080 bit/s of the serial line; in the air it would be 57,600.
		{sik(), Event{{Down, []int{252}}}, 252 * 8 / 46080.},
		// Both ways are in the air one after the other: more than the serial line takes each way.
		{sik(), Event{{Down, []int{252}}, {Up, []int{252}}}, 504 * 8 / 57600.},
		// 64 bytes around, and 181.5 us of access.
		{wifi(), Event{{Up, []int{100}}}, 164*8/6e6 + 181.5e-6},
		{lte(), Event{{Up, []int{66}}}, 100 * 8 / 10.296e6},
		{lte(), Event{{Down, []int{66}}}, 100 * 8 / 5.16e6},
		// Half a message.
		{iridium(), Event{{Down, []int{170}}}, 170*8/2400. + 4.5},
		{iridium(), Event{{Up, []int{270}}}, 270*8/2400. + 9},
		// 209 bytes and a header of 6 fill a block of 259.
		{leo("l", "", 2000), Event{{Down, []int{209}}}, 259 * 8 / 2000.},
		// 46 bytes and 24 of headers are ten blocks of 7, 80 bytes on the medium.
		{leo("l", "", 2000), Event{{Up, []int{46}}}, 80 * 8 / 2000.},
		// A long frame takes two telecommand frames.
		{leo("l", "", 2000), Event{{Up, []int{1011}}}, (1011 + 48) * 8 / 7. * 8 / 2000.},
	} {
		near(t, tt.link.Name, tt.link.Use(tt.event).Load(), tt.want)
	}
}

// TestUses adds up: twice as much takes twice as long, and directions that do not share do not add up.
func TestUses(t *testing.T) {
	for _, l := range append(Known(), Of("given", 9600)) {
		for _, n := range []int{12, 52, 253, 265} {
			down, up := Event{{Down, []int{n, n}}}, Event{{Up, []int{n}}}
			near(t, l.Name+" twice", l.Use(down).Load(), 2*l.Use(Event{{Down, []int{n}}}).Load())
			both := l.Use(append(down, up...))
			if sum := l.Use(down).Plus(l.Use(up)); both != sum {
				t.Errorf("%s: %v together, %v one by one", l.Name, both, sum)
			}
			if more := both.Load() > max(l.Use(down).Load(), l.Use(up).Load()); more != l.Shared {
				t.Errorf("%s: shared %v, but %v", l.Name, l.Shared, both)
			}
			// What there is room for fills the link to the share given.
			used := l.Use(up).Times(0.01)
			rate := Room(used, l.Use(down), 0.8)
			if full := used.Plus(l.Use(down).Times(rate)).Load(); rate > 0 && math.Abs(full-0.8) > 1e-9 {
				t.Errorf("%s: room for %v, which takes %v", l.Name, rate, full)
			}
			if c := l.Down.Carries(n); !(c > 0) || c > l.Down.BitsPerS || l.Down.Serial > 0 && c > l.Down.Serial*(1+1e-9) {
				t.Errorf("%s: carries %v bit/s", l.Name, c)
			}
		}
	}
	if r := Room(Use{0.9}, Use{1}, 0.8); r != 0 {
		t.Errorf("room for %v where there is none", r)
	}
	if r := Room(Use{}, Use{}, 0.8); !math.IsInf(r, 1) {
		t.Errorf("room for %v of nothing", r)
	}
}

func TestDelay(t *testing.T) {
	plain := Of("x", 1000)
	event := Event{{Down, []int{125}}, {Up, []int{125}}}
	if d, ok := plain.Delay(event, Use{}); d != 2*time.Second || !ok {
		t.Errorf("idle: %v, %v", d, ok)
	}
	if d, ok := plain.Delay(event, Use{0.5}); d != 3*time.Second || !ok {
		t.Errorf("half of one way taken: %v, %v", d, ok)
	}
	plain.Shared = true
	if d, ok := plain.Delay(event, Use{0.5}); d != 4*time.Second || !ok {
		t.Errorf("half of a shared medium taken: %v, %v", d, ok)
	}
	plain.Shared = false
	if d, ok := plain.Delay(event[1:], Use{1}); d != time.Second || !ok {
		t.Errorf("the other way full: %v, %v", d, ok)
	}
	radio := sik()
	if d, _ := radio.Delay(Event{{Up, []int{252}}}, Use{serialDown: 0.9}); d.Round(time.Microsecond) != (131*time.Millisecond + 43750*time.Microsecond) {
		t.Errorf("the wire of the other way: %v", d)
	}
	if _, ok := plain.Delay(event, Use{1}); ok {
		t.Error("a full link carries more")
	}
	if _, ok := plain.Delay(Event{{Down, []int{math.MaxInt32}}}, Use{1 - 1e-12}); ok {
		t.Error("a delay longer than time can be")
	}
	// A message that is not full is sent all the same.
	sbd := iridium()
	if d, _ := sbd.Delay(Event{{Up, []int{10}}}, Use{}); d.Round(time.Millisecond) != 14*time.Second+33*time.Millisecond {
		t.Errorf("a short message takes %v", d)
	}
}

func TestKnown(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range Known() {
		if seen[l.Name] || l.Name == "" || l.Title == "" || !(l.Down.BitsPerS > 0) || !(l.Up.BitsPerS > 0) {
			t.Errorf("%+v", l)
		}
		seen[l.Name] = true
	}
	if len(seen) != 7 {
		t.Errorf("%d links", len(seen))
	}
}
