package wire

import (
	"strconv"
	"sync"

	"cqkit/pkg/mav"
)

// TargetOf returns the target_system and target_component in a payload, 0 for a field
// the message does not have. known is false for messages without a definition, whose
// target is 0/0 here. It is safe for concurrent use and allocates nothing but for the
// first payload of an id.
func TargetOf(id uint32, payload []byte) (target Address, known bool) {
	at, ok := targets.Load(id)
	if !ok {
		found := findTarget(id)
		if !found.known && id >= 1<<16 {
			return Address{}, false // ids of strangers must not fill the table
		}
		at, _ = targets.LoadOrStore(id, found)
	}
	o := at.(offsets)
	return Address{o.system.in(payload), o.component.in(payload)}, o.known
}

// targets has the offsets of the target fields by message id.
var targets sync.Map

type offsets struct {
	known             bool
	system, component offset
}

// offset is where a byte is in a payload, counted from 1; 0 is nowhere.
type offset int

// in returns the byte, 0 where the payload has been cut off before it.
func (o offset) in(payload []byte) byte {
	if o == 0 || int(o) > len(payload) {
		return 0
	}
	return payload[o-1]
}

// findTarget learns from package mav where the fields are: in a payload whose bytes
// count up, the value of a field of one byte is its offset.
func findTarget(id uint32) offsets {
	probe := make([]byte, MaxPayload)
	for i := range probe {
		probe[i] = byte(i)
	}
	fields := mav.Fields(id, 2, probe)
	o := offsets{known: fields != nil}
	for _, f := range fields {
		at, err := strconv.Atoi(f.Value)
		switch {
		case err != nil:
		case f.Name == "target_system":
			o.system = offset(at + 1)
		case f.Name == "target_component":
			o.component = offset(at + 1)
		}
	}
	return o
}
