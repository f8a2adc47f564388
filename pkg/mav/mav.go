package mav

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/bluenviron/gomavlib/v3/pkg/dialects/all"
	"github.com/bluenviron/gomavlib/v3/pkg/message"
)

// Ids of the messages that are treated specially.
const (
	IDHeartbeat    = 0
	IDSystemTime   = 2
	IDCommandInt   = 75
	IDCommandLong  = 76
	IDStatusText   = 253
	IDSetupSigning = 256 // its payload is a secret signing key
)

type definition struct {
	name string
	rw   *message.ReadWriter
}

var definitions = sync.OnceValue(func() map[uint32]definition {
	defs := make(map[uint32]definition, len(all.Dialect.Messages)+1)
	for _, m := range append([]message.Message{&MessageCleitonqChunk{}}, all.Dialect.Messages...) {
		rw := &message.ReadWriter{Message: m}
		if err := rw.Initialize(); err != nil {
			panic(fmt.Sprintf("mav: gomavlib's definition of %T: %v", m, err))
		}
		defs[m.GetID()] = definition{definedName(m), rw}
	}
	return defs
})

var capital = regexp.MustCompile("[A-Z]")

// definedName undoes gomavlib's naming: MessageGpsRawInt is GPS_RAW_INT.
func definedName(m message.Message) string {
	name := strings.TrimPrefix(reflect.TypeOf(m).Elem().Name(), "Message")
	return strings.ToUpper(snake(name))
}

// snake turns a name of gomavlib's, like TimeBootMs, into MAVLink's, time_boot_ms.
func snake(name string) string {
	return strings.ToLower(capital.ReplaceAllString(name, "_$0")[1:])
}

// Seeds returns the seed of the checksum (CRC_EXTRA) of every known message by id.
// The map is the caller's.
func Seeds() map[uint32]byte {
	defs := definitions()
	seeds := make(map[uint32]byte, len(defs))
	for id, d := range defs {
		seeds[id] = d.rw.CRCExtra()
	}
	return seeds
}

// Name returns the name of a message as MAVLink defines it, like "COMMAND_LONG",
// or "UNKNOWN_n" for an id without a definition.
func Name(id uint32) string {
	if d, ok := definitions()[id]; ok {
		return d.name
	}
	return fmt.Sprintf("UNKNOWN_%d", id)
}

// SystemTime decodes a SYSTEM_TIME payload of a frame of the given MAVLink version:
// the vehicle's clock in microseconds since 1970 UTC (0 while it does not know) and
// the milliseconds since it booted. ok is false if the payload does not fit.
func SystemTime(version int, payload []byte) (unixUS uint64, bootMS uint32, ok bool) {
	m, ok := decode(IDSystemTime, version, payload).(*all.MessageSystemTime)
	if !ok {
		return 0, 0, false
	}
	return m.TimeUnixUsec, m.TimeBootMs, true
}

func decode(id uint32, version int, payload []byte) message.Message {
	d, ok := definitions()[id]
	if !ok {
		return nil
	}
	// The capacity is cut: Read appends the zeros that MAVLink 2 leaves out.
	raw := &message.MessageRaw{ID: id, Payload: payload[:len(payload):len(payload)]}
	m, err := d.rw.Read(raw, version == 2)
	if err != nil {
		return nil
	}
	return m
}
