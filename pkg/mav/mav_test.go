package mav

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"

	"github.com/bluenviron/gomavlib/v3/pkg/dialects/all"
	"github.com/bluenviron/gomavlib/v3/pkg/dialects/common"
	"github.com/bluenviron/gomavlib/v3/pkg/message"
)

// TestWire compares the places of clocks with what gomavlib writes: each message is
// filled with numbers that tell where they came from.
func TestWire(t *testing.T) {
	found := 0
	for id, d := range definitions() {
		f, ok := findClock(d)
		if !ok {
			continue
		}
		found++
		payload := make([]byte, 255)
		for i := range payload {
			payload[i] = byte(i + 1)
		}
		size := 0
		for _, w := range wire(d.rw.Message) {
			size = max(size, w.offset+w.size)
		}
		var want uint64
		for _, field := range Fields(id, 2, payload[:size]) {
			for _, n := range clockNames {
				if want == 0 && field.Name == n.name && n.kind == f.kind {
					want, _ = strconv.ParseUint(field.Value, 10, 64)
					if field.Value[0] == '-' {
						v, _ := strconv.ParseInt(field.Value, 10, 64)
						want = uint64(v)
					}
				}
			}
		}
		if got := ClockOf(id, payload[:size]); got.Value != want || got.Kind != f.kind {
			t.Errorf("%s: got %d at %d, gomavlib reads %d", d.name, got.Value, f.offset, want)
		}
	}
	if found < 100 {
		t.Errorf("only %d messages have a clock", found)
	}
}

func TestClockOf(t *testing.T) {
	attitude := make([]byte, 28)
	binary.LittleEndian.PutUint32(attitude, 123456)
	systemTime := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(nil, 1_700_000_000_000_000), 60_000)
	for _, c := range []struct {
		name    string
		id      uint32
		payload []byte
		want    Clock
	}{
		{"attitude", 30, attitude, Clock{Boot, 123456}},
		{"zeros cut off", 30, attitude[:3], Clock{Boot, 123456 & 0xFFFFFF}},
		{"no payload", 30, nil, Clock{}},
		{"system time", IDSystemTime, systemTime, Clock{Boot, 60_000}},
		{"heartbeat", IDHeartbeat, make([]byte, 9), Clock{}},
		{"unknown message", 1 << 23, attitude, Clock{}},
	} {
		if got := ClockOf(c.id, c.payload); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	if got := UnixTime(systemTime); got != 1_700_000_000_000_000 {
		t.Errorf("time of day: got %d", got)
	}
	if n := testing.AllocsPerRun(100, func() { ClockOf(30, attitude); ClassOf(30); StateChanging(76, attitude) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestClasses finds names in the table that no message has.
func TestClasses(t *testing.T) {
	names := make(map[string]bool)
	for _, d := range definitions() {
		names[d.name] = true
	}
	seen := make(map[string]bool)
	for _, list := range classNames {
		for _, name := range list {
			if !names[name] {
				t.Errorf("%s is no message", name)
			}
			if seen[name] {
				t.Errorf("%s is listed twice", name)
			}
			seen[name] = true
		}
	}
}

func TestStateChanging(t *testing.T) {
	write := func(m message.Message) []byte {
		return definitions()[m.GetID()].rw.Write(m, true).Payload
	}
	for _, c := range []struct {
		m    message.Message
		want bool
	}{
		{&all.MessageCommandLong{Command: common.MAV_CMD_COMPONENT_ARM_DISARM, Param1: 1}, true},
		{&all.MessageCommandLong{Command: common.MAV_CMD_REQUEST_MESSAGE, Param1: 148}, false},
		{&all.MessageCommandInt{Command: common.MAV_CMD_DO_REPOSITION, Param1: 1}, true},
		{&all.MessageCommandInt{Command: common.MAV_CMD_GET_HOME_POSITION}, false},
		{&all.MessageSetMode{CustomMode: 4}, true},
		{&all.MessageParamSet{ParamId: "FENCE_ENABLE"}, true},
		{&all.MessageMissionClearAll{}, true},
		{&all.MessageRcChannelsOverride{}, true},
		{&all.MessageSetPositionTargetGlobalInt{}, true},
		{&all.MessageHeartbeat{}, false},
		{&all.MessageParamRequestList{}, false},
		{&all.MessageAttitude{}, false},
	} {
		payload := write(c.m)
		if got := StateChanging(c.m.GetID(), payload); got != c.want {
			t.Errorf("%s % x: got %v, want %v", Name(c.m.GetID()), payload, got, c.want)
		}
	}
}

func TestSignature(t *testing.T) {
	key := PassphraseKey("password")
	v := NewVerifier(&key)
	frame := make([]byte, 10+9+2+13)
	frame[0], frame[1], frame[2] = 0xFD, 9, 1
	copy(frame[21:], []byte{7, 1, 2, 3, 4, 5, 6})
	v.Sign(frame)
	if !v.Verify(frame) {
		t.Fatal("own signature does not verify")
	}
	if got := ParseSignature(frame[21:]); got.Link != 7 || got.Stamp != 0x060504030201 {
		t.Errorf("signature: got %+v", got)
	}
	for bit := range len(frame) * 8 {
		changed := bytes.Clone(frame)
		changed[bit/8] ^= 1 << (bit % 8)
		if v.Verify(changed) {
			t.Errorf("bit %d changed: still verifies", bit)
		}
	}
	for n := range frame {
		if v.Verify(frame[:n]) {
			t.Errorf("cut to %d bytes: still verifies", n)
		}
	}
	other := PassphraseKey("Password")
	if NewVerifier(&other).Verify(frame) {
		t.Error("verifies under another key")
	}
	if got, want := fmt.Sprintf("%v %+v %s", key, key, key), "(signing key) (signing key) (signing key)"; got != want {
		t.Errorf("a key prints as %q", got)
	}
	if got := fmt.Sprintf("%#v", key); got != "(signing key)" {
		t.Errorf("a key prints as %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { v.Verify(frame) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
