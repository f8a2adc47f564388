package replay

// The numbers by which clocks are judged, in µs; docs/replay.md gives the reasons.
const (
	bootTolerance   = 1_000_000
	rebootTolerance = 2_000_000
	dayTolerance    = 2_000_000
	logTolerance    = 1_000_000
	logExcursion    = 10_000_000
	logMany         = 10
	farForward      = 10_000_000
	firstMinute     = 60_000_000
	moment          = 2_000_000 // less is of no use to an attacker
)

// backward is a run of steps back of one clock.
type backward struct {
	count       int64
	first, last Place
	original    Place // the frame whose time the first step fell behind
	message     uint32
	most        int64 // µs
}

func (b *backward) add(at, before Place, message uint32, step int64) {
	if b.count == 0 {
		b.first, b.original, b.message = at, before, message
	}
	b.count++
	b.last = at
	b.most = max(b.most, step)
}

// bootClock follows the boot time of a source against the recorder's.
type bootClock struct {
	known  bool
	newest int64 // µs
	at     Place // of that frame
	steps  backward
	day    int64
	dayAt  Place
	days   backward

	// left is the clock before a leap, which may be returned to.
	hasLeft  bool
	left     int64
	leftAt   Place
	entered  Place
	message  uint32 // of entered
	returned backward
	reboots  int64
}

// add takes the boot time in µs of a frame.
func (b *bootClock) add(boot int64, at Place, message uint32, timed bool) {
	if !b.known {
		b.known, b.newest, b.at = true, boot, at
		return
	}
	step, elapsed := b.newest-boot, at.Time-b.at.Time
	if step <= bootTolerance && (!timed || -step <= max(elapsed, 0)+farForward) {
		if boot > b.newest {
			b.newest, b.at = boot, at
		}
		return
	}
	switch {
	case b.hasLeft && near(boot-b.left, at.Time-b.leftAt.Time):
		b.returned.add(b.entered, b.leftAt, b.message, max(step, -step))
		b.returned.last = at
		if b.steps.count > 0 && b.steps.last.Index == b.entered.Index {
			b.steps.count-- // that was the way in
		}
		b.hasLeft = false
	case step > 0 && (timed && boot <= max(elapsed, 0)+rebootTolerance || !timed && boot < firstMinute):
		b.reboots++
		b.hasLeft = false
	default:
		if step > 0 {
			b.steps.add(at, b.at, message, step)
		}
		b.hasLeft, b.left, b.leftAt, b.entered, b.message = true, b.newest, b.at, at, message
	}
	b.newest, b.at = boot, at
}

// near reports whether two spans of time in µs are the same to within 2 s.
func near(a, b int64) bool { return a-b <= rebootTolerance && b-a <= rebootTolerance }

// timeOfDay takes the vehicle's time of day in µs since 1970.
func (b *bootClock) timeOfDay(day int64, at Place, message uint32) {
	if b.day > 0 && b.day-day > dayTolerance {
		b.days.add(at, b.dayAt, message, b.day-day)
	}
	b.day, b.dayAt = day, at
}

// logClock follows the recorder's times.
type logClock struct {
	known    bool
	last     Place
	steps    backward
	returned backward
	backAt   int64 // record of the last step back beyond the tolerance, plus 1
	hasLeft  bool
	left     Place // where the time was before it leapt
	forward  bool
	entered  Place
}

func (l *logClock) add(at Place) {
	if !l.known {
		l.known, l.last = true, at
		return
	}
	step := at.Time - l.last.Time
	leap := step < -logExcursion || step > logExcursion
	since := at.Time - l.left.Time
	if step < -logTolerance {
		l.backAt = at.Index + 1
	}
	switch {
	case leap && l.hasLeft && (step < 0) == l.forward && since >= 0 && since < firstMinute:
		l.returned.add(l.entered, l.left, 0, max(step, -step))
		l.returned.last = at
		if l.steps.count > 0 && l.steps.last.Index == l.entered.Index {
			l.steps.count-- // that was the way in
		}
		l.hasLeft = false
	case step < 0:
		l.steps.add(at, l.last, 0, -step)
		fallthrough
	case leap:
		if leap {
			l.hasLeft, l.left, l.entered, l.forward = true, l.last, at, step > 0
		}
	}
	l.last = at
}
