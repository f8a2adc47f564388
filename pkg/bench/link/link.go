package link

import (
	"math"
	"time"
)

// A Direction is which way something goes.
type Direction uint8

// The directions. Telemetry goes down.
const (
	Down Direction = iota // from the vehicle
	Up                    // to the vehicle
)

// A Channel is one direction of a link.
type Channel struct {
	BitsPerS float64 // on the medium
	// Of each Block bytes on the medium Data carry something, the rest is codes and headers. 0 and 0: all do.
	Data, Block int
	// A frame travels in packets of at most Packet bytes, 0 for any length, each with Overhead bytes around it, and
	// PerPacket beside the time of its bytes.
	Packet    int
	Overhead  int
	PerPacket time.Duration
	// Packs means that frames are cut and put together to fill packets.
	Packs bool
	// Serial is what the wire to the radio carries, in bits of data a second; 0 if it does not matter.
	Serial float64
	// Latency is what passes between the end of sending and the arrival, beside all that.
	Latency time.Duration
}

// A Link is a way to a vehicle and back.
type Link struct {
	Name, Title string
	Down, Up    Channel
	Shared      bool // both directions take turns on one medium
}

// A Send is frames of given lengths that go the same way.
type Send struct {
	Direction Direction
	Frames    []int // bytes of each
}

// Bytes returns the length of all frames.
func (s Send) Bytes() (n int) {
	for _, f := range s.Frames {
		n += f
	}
	return n
}

// An Event is what is sent at once.
type Event []Send

// Bytes returns the length of all frames of the event.
func (e Event) Bytes() (n int) {
	for _, s := range e {
		n += s.Bytes()
	}
	return n
}

// Frames returns how many there are.
func (e Event) Frames() (n int) {
	for _, s := range e {
		n += len(s.Frames)
	}
	return n
}

// The parts of a link that something takes time of.
const (
	airDown = iota // or both ways, if they take turns
	airUp
	serialDown
	serialUp
	parts
)

// A Use is seconds of each part of a link; a second of them each second is a whole one, a load of 1.
type Use [parts]float64

// Plus returns the sum of two uses.
func (u Use) Plus(o Use) Use {
	for i := range u {
		u[i] += o[i]
	}
	return u
}

// Times returns u, so many times.
func (u Use) Times(n float64) Use {
	for i := range u {
		u[i] *= n
	}
	return u
}

// Load returns the part that is taken most.
func (u Use) Load() float64 {
	most := 0.0
	for _, x := range u {
		most = max(most, x)
	}
	return most
}

// Room returns how many times a second something can happen that takes one, so that no part is taken by more than most when
// used is taken already: 0 if it cannot at all, +Inf if it takes nothing.
func Room(used, one Use, most float64) float64 {
	rate := math.Inf(1)
	for i := range used {
		if one[i] > 0 {
			rate = min(rate, max(0, most-used[i])/one[i])
		}
	}
	return rate
}

// way returns the channel of a direction and the parts of the link that it takes.
func (l *Link) way(d Direction) (c *Channel, air, serial int) {
	switch {
	case d == Down:
		return &l.Down, airDown, serialDown
	case l.Shared:
		return &l.Up, airDown, serialUp
	}
	return &l.Up, airUp, serialUp
}

// Use returns what an event takes of the link.
func (l *Link) Use(e Event) (u Use) {
	for _, s := range e {
		c, air, serial := l.way(s.Direction)
		u[air] += c.air(s.Frames)
		u[serial] += c.serial(s.Bytes())
	}
	return u
}

// Carries returns the bits of frames of one length that the channel carries each second.
func (c *Channel) Carries(frame int) float64 {
	frames := []int{frame}
	return float64(frame*8) / max(c.air(frames), c.serial(frame))
}

// air returns the seconds that frames take of the medium. In the long run frames that fill packets take the part of one
// that they fill.
func (c *Channel) air(frames []int) float64 {
	bytes, packets := 0, 0.0
	for _, n := range frames {
		bytes += n
		switch {
		case c.Packet == 0:
			packets++
		case c.Packs:
			packets += float64(n) / float64(c.Packet)
		default:
			packets += float64((n + c.Packet - 1) / c.Packet)
		}
	}
	return c.took(float64(bytes), packets)
}

func (c *Channel) took(bytes, packets float64) float64 {
	medium := bytes + packets*float64(c.Overhead)
	if c.Block > 0 {
		medium *= float64(c.Block) / float64(c.Data)
	}
	return medium*8/c.BitsPerS + packets*c.PerPacket.Seconds()
}

func (c *Channel) serial(bytes int) float64 {
	if c.Serial == 0 {
		return 0
	}
	return float64(bytes*8) / c.Serial
}

// Delay returns how long an event takes until its last frame has arrived, one send after the other, when used is taken
// by others all the time, and false if they leave nothing of what it needs. Packets of messages that are not full are
// counted whole.
func (l *Link) Delay(e Event, used Use) (time.Duration, bool) {
	total := 0.0
	for _, s := range e {
		c, air, serial := l.way(s.Direction)
		if used[air] >= 1 || used[serial] >= 1 {
			return 0, false
		}
		onAir := c.air(s.Frames)
		if c.Packs {
			bytes := s.Bytes()
			onAir = c.took(float64(bytes), math.Ceil(float64(bytes)/float64(c.Packet)))
		}
		total += max(onAir/(1-used[air]), c.serial(s.Bytes())/(1-used[serial])) + c.Latency.Seconds()
	}
	if total > math.MaxInt64/2e9 {
		return 0, false
	}
	return time.Duration(total * 1e9), true
}
