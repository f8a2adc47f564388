package wire

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

const flightStart = 1_790_000_000_000_000 // µs

// entry is a record of a log to be edited.
type entry struct {
	time  int64
	frame []byte
}

func join(log []entry) []byte {
	var b []byte
	for _, e := range log {
		b = binary.BigEndian.AppendUint64(b, uint64(e.time))
		b = append(b, e.frame...)
	}
	return b
}

func entries(t testing.TB, log []byte) (list []entry) {
	for _, c := range cut(t, log) {
		if c.kind != tlog.Record {
			t.Fatal("a gap")
		}
		list = append(list, entry{tlog.Time([]byte(c.data)), []byte(c.data[tlog.TimeSize:])})
	}
	return list
}

func (e entry) chunk() bool { return tlog.Frame(e.frame).ID() == chunk.MessageID }

var seedOf = sync.OnceValue(mav.Seeds)

// mend writes the checksum that the frame ought to have.
func mend(frame []byte) []byte {
	f := tlog.Frame(frame)
	crc := uint16(0xFFFF)
	add := func(v byte) {
		x := v ^ byte(crc)
		x ^= x << 4
		crc = crc>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
	}
	end := len(frame) - 2
	for _, v := range frame[1:end] {
		add(v)
	}
	seed := seedOf()[f.ID()]
	if f.ID() == chunk.MessageID {
		seed = chunk.CRCExtra
	}
	add(seed)
	frame[end], frame[end+1] = byte(crc), byte(crc>>8)
	return frame
}

// makeFrame makes a MAVLink 2 frame.
func makeFrame(seq, system, component byte, id uint32, payload []byte) []byte {
	p := payload
	for len(p) > 1 && p[len(p)-1] == 0 {
		p = p[:len(p)-1]
	}
	f := append([]byte{0xFD, byte(len(p)), 0, 0, seq, system, component, byte(id), byte(id >> 8), byte(id >> 16)}, p...)
	return mend(append(f, 0, 0))
}

// flight makes a log of n commands from 255/190 among telemetry: arming, modes and
// parameters in turn, each with a value of its own.
func flight(n int) (log []entry) {
	at := int64(flightStart)
	var seqGCS, seq byte
	for i := range n {
		for k := range 7 {
			at += 20_000
			attitude := binary.LittleEndian.AppendUint32(nil, uint32(1000*i+100*k))
			log = append(log, entry{at, makeFrame(seq, 1, 1, 30, append(attitude, 1, 2, 3, byte(k)+1))})
			seq++
		}
		at += 3_000
		log = append(log, entry{at, makeFrame(seqGCS, 255, 190, commandID(i), commandPayload(i))})
		seqGCS++
	}
	return append(log, entry{at + 20_000, makeFrame(seq, 1, 1, 0, []byte{0, 0, 0, 0, 2, 3, 81, 4, 3})})
}

func commandID(i int) uint32 { return [3]uint32{mav.IDCommandLong, 11, 23}[i%3] }

func commandPayload(i int) []byte {
	switch i % 3 {
	case 0:
		p := make([]byte, 33)
		binary.LittleEndian.PutUint32(p, uint32(i))
		copy(p[28:], commandLong(1, 1)[28:])
		return p
	case 1:
		return []byte{byte(i), byte(i >> 8), 0, 0, 1, 1}
	}
	return append(binary.LittleEndian.AppendUint32(nil, uint32(i)), "\x01\x01WPNAV_SPEED\x00\x00\x00\x00\x00\x09"...)
}

// signedFlight is a signed log of n commands. places are the indices of their frames,
// of which each is followed by its chunks.
func signedFlight(t testing.TB, n int, key byte) (log []entry, places []int) {
	t.Helper()
	signed, _ := signLog(t, join(flight(n)), key, nil)
	log = entries(t, signed)
	return log, commandsIn(log)
}

func commandsIn(log []entry) (places []int) {
	for i, e := range log {
		if f := tlog.Frame(e.frame); !e.chunk() && StateChanging(f) {
			places = append(places, i)
		}
	}
	return places
}

// block is the frame at i and its chunks.
func block(log []entry, i int) []entry {
	end := i + 1
	for end < len(log) && log[end].chunk() {
		end++
	}
	return log[i:end]
}

func clone(log []entry) []entry {
	c := slices.Clone(log)
	for i := range c {
		c[i].frame = bytes.Clone(c[i].frame)
	}
	return c
}

func drop(log []entry, i, n int) []entry { return slices.Delete(clone(log), i, i+n) }

// later returns a copy of records at other times.
func later(log []entry, us int64) []entry {
	c := clone(log)
	for i := range c {
		c[i].time += us
	}
	return c
}

// restate replaces the chunks behind the frame at i by those of a message.
func restate(t testing.TB, log []entry, i int, message []byte) []entry {
	t.Helper()
	old := block(log, i)[1:]
	c, err := chunk.Parse(tlog.Frame(old[0].frame).Payload())
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := chunk.Cut(chunk.Chunk{Token: c.Token, TargetSystem: c.TargetSystem, TargetComponent: c.TargetComponent, Type: chunk.Command}, message)
	if err != nil {
		t.Fatal(err)
	}
	var list []entry
	for k := range chunks {
		list = append(list, entry{old[0].time, chunks[k].AppendFrame(nil, byte(k), 255, CarrierComponent)})
	}
	return slices.Replace(clone(log), i+1, i+1+len(old), list...)
}

// message puts the message behind the frame at i together.
func message(t testing.TB, log []entry, i int) (m []byte) {
	t.Helper()
	for _, e := range block(log, i)[1:] {
		c, err := chunk.Parse(tlog.Frame(e.frame).Payload())
		if err != nil {
			t.Fatal(err)
		}
		m = append(m, c.Data[chunk.DigestSize:]...)
	}
	return m
}
