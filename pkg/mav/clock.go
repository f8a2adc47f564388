package mav

import (
	"encoding/binary"
	"reflect"
	"slices"
	"sync"
)

// Clock is what a frame says about its sender's time.
type Clock struct {
	Kind  ClockKind
	Value uint64 // milliseconds for Boot, microseconds for the others
}

// ClockKind tells clocks apart.
type ClockKind uint8

// The kinds of clock.
const (
	NoClock ClockKind = iota
	Boot              // milliseconds since the sender booted (time_boot_ms)
	Micros            // microseconds since boot or since 1970, as the sender likes (time_usec)
	Unix              // microseconds since 1970 UTC (SYSTEM_TIME)
)

// clockField is where a message carries its clock.
type clockField struct {
	kind   ClockKind
	offset uint8
	size   uint8
}

// clockNames are the fields that hold a clock, by preference. ts1 is TIMESYNC's, in
// nanoseconds of an unknown epoch.
var clockNames = []struct {
	name string
	kind ClockKind
	size uint8
}{
	{"time_boot_ms", Boot, 4},
	{"time_usec", Micros, 8},
	{"time_utc", Micros, 8},
	{"timestamp", Micros, 8},
	{"ts1", Micros, 8},
}

// clockTable gives each message's clock by id; ids from 1,024 on are few and in high.
type clockTable struct {
	low  [1024]clockField
	high map[uint32]clockField
}

var clocks = sync.OnceValue(func() *clockTable {
	t := &clockTable{high: make(map[uint32]clockField)}
	for id, d := range definitions() {
		f, ok := findClock(d)
		switch {
		case !ok:
		case id < uint32(len(t.low)):
			t.low[id] = f
		default:
			t.high[id] = f
		}
	}
	return t
})

// wireField is a field with its place in a payload.
type wireField struct {
	name         string
	offset, size int
}

// wire returns where the fields of a message lie in its payload: sorted by the size
// of their elements, the largest first, extensions behind in the order of their
// definition (MAVLink guide, "Field Reordering").
func wire(message any) []wireField {
	type field struct {
		wireField
		element   int
		extension bool
	}
	t := reflect.TypeOf(message).Elem()
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("mavname")
		if name == "" {
			name = snake(f.Name)
		}
		element, n := elementSize(f)
		fields = append(fields, field{wireField{name, 0, element * n}, element, f.Tag.Get("mavext") == "true"})
	}
	slices.SortStableFunc(fields, func(a, b field) int {
		switch {
		case a.extension != b.extension:
			if a.extension {
				return 1
			}
			return -1
		case a.extension:
			return 0
		}
		return b.element - a.element
	})
	out := make([]wireField, len(fields))
	at := 0
	for i, f := range fields {
		out[i] = f.wireField
		out[i].offset = at
		at += f.size
	}
	return out
}

// elementSize returns the size of one element of a field and their number.
func elementSize(f reflect.StructField) (size, n int) {
	typ, n := f.Type, 1
	if typ.Kind() == reflect.Array {
		n, typ = typ.Len(), typ.Elem()
	}
	sizes := map[string]int{"uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "float": 4,
		"uint64": 8, "int64": 8, "double": 8}
	if enum := f.Tag.Get("mavenum"); enum != "" {
		return sizes[enum], n
	}
	if typ.Kind() == reflect.String {
		return 1, atoi(f.Tag.Get("mavlen"))
	}
	return int(typ.Size()), n
}

func atoi(s string) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return max(n, 1)
}

func findClock(d definition) (clockField, bool) {
	fields := wire(d.rw.Message)
	for _, want := range clockNames {
		for _, f := range fields {
			if f.name == want.name && f.size == int(want.size) && f.offset+f.size <= 255 {
				return clockField{want.kind, uint8(f.offset), want.size}, true
			}
		}
	}
	return clockField{}, false
}

// ClockOf returns the clock that a payload carries: of SYSTEM_TIME the time since
// boot. The kind is NoClock if the message has none or it stands at zero. It
// allocates nothing.
func ClockOf(id uint32, payload []byte) Clock {
	t := clocks()
	var f clockField
	if id < uint32(len(t.low)) {
		f = t.low[id]
	} else {
		f = t.high[id]
	}
	if f.kind == NoClock {
		return Clock{}
	}
	v := number(payload, int(f.offset), int(f.size))
	if v == 0 {
		return Clock{}
	}
	return Clock{f.kind, v}
}

// number reads a little-endian number of which MAVLink 2 may have cut off zeros.
func number(payload []byte, offset, size int) uint64 {
	if len(payload) >= offset+size {
		if size == 4 {
			return uint64(binary.LittleEndian.Uint32(payload[offset:]))
		}
		return binary.LittleEndian.Uint64(payload[offset:])
	}
	var v uint64
	for i := range size {
		if at := offset + i; at < len(payload) {
			v |= uint64(payload[at]) << (8 * i)
		}
	}
	return v
}

// UnixTime returns the time of day in microseconds since 1970 UTC that a SYSTEM_TIME
// payload carries, 0 while the sender does not know it. It allocates nothing.
func UnixTime(payload []byte) uint64 { return number(payload, 0, 8) }

// Heartbeat returns the type (MAV_TYPE) and the autopilot (MAV_AUTOPILOT) that a
// HEARTBEAT payload states. It allocates nothing.
func Heartbeat(payload []byte) (kind, autopilot uint8) {
	at := func(i int) uint8 {
		if i < len(payload) {
			return payload[i]
		}
		return 0
	}
	return at(4), at(5)
}

// AutopilotInvalid is MAV_AUTOPILOT_INVALID: the sender is no vehicle's autopilot.
const AutopilotInvalid = 8
