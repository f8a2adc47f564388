package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
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

// TestAttacks edits a signed log in every way that gives a verdict.
func TestAttacks(t *testing.T) {
	const n = 12
	log, at := signedFlight(t, n, 1)
	other, otherAt := signedFlight(t, 4, 1) // another recording, same key
	foreign, foreignAt := signedFlight(t, n, 2)
	size := len(block(log, at[5]))
	change := func(i, k int, flip byte, fix bool) []entry {
		c := clone(log)
		c[i].frame[k] ^= flip
		if fix {
			mend(c[i].frame)
		}
		return c
	}
	type counts = map[Verdict]int64
	for _, tt := range []struct {
		name string
		log  func() []entry
		want counts
		at   int // index of the frame or first chunk of the finding that is not authentic, -1: none to look at
	}{
		{"untouched", func() []entry { return log }, counts{Authentic: n}, -1},

		{"payload", func() []entry { return change(at[6], 12, 1, true) }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"payload, checksum left", func() []entry { return change(at[6], 12, 1, false) }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"checksum", func() []entry { return change(at[6], len(log[at[6]].frame)-1, 1, false) }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"source system", func() []entry { return change(at[6], 5, 1, true) }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"source component", func() []entry { return change(at[6], 6, 1, true) }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"message", func() []entry { return change(at[6], 7, 76^75, true) }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"message that is no command", func() []entry { return change(at[6], 7, 76^30, true) }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"time", func() []entry { c := clone(log); c[at[6]].time += 1; return c }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"time, by much", func() []entry { c := clone(log); c[at[6]].time += 3600_000_000; return c }, counts{Authentic: n - 1, Altered: 1}, at[6]},
		{"every time", func() []entry {
			c := clone(log)
			for k, i := range at {
				c[i].time += int64(1000 + 7*k)
			}
			return c
		}, counts{Altered: n}, at[0]},
		{"all of a kind", func() []entry {
			c := clone(log)
			for _, i := range at[:6] {
				c[i].frame[10] ^= 0x80
				mend(c[i].frame)
			}
			return c
		}, counts{Authentic: n - 6, Altered: 6}, at[0]},
		{"another command in its place", func() []entry {
			c := clone(log)
			c[at[6]].frame = makeFrame(9, 255, 190, 23, commandPayload(2))
			return c
		}, counts{Authentic: n - 1, Altered: 1}, at[6]},

		{"frame gone", func() []entry { return drop(log, at[6], 1) }, counts{Authentic: n - 1, Orphaned: 1}, at[6]},
		{"frames gone", func() []entry { return drop(drop(log, at[7], 1), at[6], 1) }, counts{Authentic: n - 2, Orphaned: 2}, at[6]},
		{"frame moved out of reach", func() []entry {
			c := append(drop(log, at[6], 1), entry{log[at[6]].time + 60_000_000, log[at[6]].frame})
			return c
		}, counts{Authentic: n - 1, Orphaned: 1, Unsigned: 1}, at[6]},

		{"one chunk gone", func() []entry { return drop(log, at[6]+4, 1) }, counts{Authentic: n - 1, Incomplete: 1}, at[6]},
		{"first chunk gone", func() []entry { return drop(log, at[6]+1, 1) }, counts{Authentic: n - 1, Incomplete: 1}, at[6]},
		{"all but one chunk gone", func() []entry { return drop(log, at[6]+1, size-2) }, counts{Authentic: n - 1, Incomplete: 1}, at[6]},
		{"bit in a chunk", func() []entry { return change(at[6]+4, 60, 1, false) }, counts{Authentic: n - 1, Incomplete: 1}, at[6]},
		{"statement gone", func() []entry { return drop(log, at[6]+1, size-1) }, counts{Authentic: n - 1, Unsigned: 1}, at[6]},
		{"command added", func() []entry {
			return slices.Insert(clone(log), at[6], entry{log[at[6]].time, makeFrame(7, 255, 190, 76, commandPayload(333))})
		}, counts{Authentic: n, Unsigned: 1}, at[6]},

		{"chunk changed, checksum mended", func() []entry { return change(at[6]+4, 60, 1, true) }, counts{Authentic: n - 1, Forged: 1}, at[6]},
		{"statement changed with its frame", func() []entry {
			c := clone(log)
			c[at[6]].frame[10] ^= 0x40
			mend(c[at[6]].frame)
			m := message(t, log, at[6])
			m[atLogged+1] ^= 0x40
			return restate(t, c, at[6], m)
		}, counts{Authentic: n - 1, Forged: 1}, at[6]},
		{"signature changed", func() []entry {
			m := message(t, log, at[6])
			m[len(m)-1] ^= 1
			return restate(t, log, at[6], m)
		}, counts{Authentic: n - 1, Forged: 1}, at[6]},
		{"not spelled as a statement", func() []entry {
			return restate(t, log, at[6], []byte("hello"))
		}, counts{Authentic: n - 1, Forged: 1}, at[6]},
		{"signed by another key", func() []entry {
			return slices.Replace(clone(log), at[6], at[6]+size, block(foreign, foreignAt[6])...)
		}, counts{Authentic: n - 1, Forged: 1}, at[6]},
		{"signed by another key in this one's name", func() []entry {
			c, err := ParseCommand(message(t, log, at[6]))
			if err != nil {
				t.Fatal(err)
			}
			m, err := c.Sign(newKey(t, 2))
			if err != nil {
				t.Fatal(err)
			}
			return restate(t, log, at[6], m)
		}, counts{Authentic: n - 1, Forged: 1}, at[6]},
		{"a forged statement more", func() []entry {
			return slices.Insert(clone(log), at[6], block(foreign, foreignAt[6])[1:]...)
		}, counts{Authentic: n, Forged: 1}, at[6]},

		{"sent again right behind, same bytes", func() []entry {
			return slices.Insert(clone(log), at[6]+size, block(log, at[6])...)
		}, counts{Authentic: n, Replayed: 1}, at[6] + size},
		{"sent again a second later", func() []entry {
			return append(clone(log), later(block(log, at[6]), 60_000_000)...)
		}, counts{Authentic: n, Replayed: 1}, len(log)},
		{"sent again, put in front", func() []entry {
			return slices.Insert(clone(log), 0, later(block(log, at[6]), flightStart-log[at[6]].time)...)
		}, counts{Authentic: n, Replayed: 1}, 0},
		{"the last one put in front", func() []entry {
			return slices.Insert(clone(log), 0, block(log, at[n-1])...)
		}, counts{Authentic: n, Replayed: 1}, 0},
		{"statement alone sent again", func() []entry {
			return append(clone(log), later(block(log, at[6])[1:], 9_000_000)...)
		}, counts{Authentic: n, Replayed: 1}, len(log)},
		{"statement used for another frame", func() []entry {
			c := append(clone(log), entry{log[len(log)-1].time, makeFrame(7, 255, 190, 76, commandPayload(333))})
			return append(c, later(block(log, at[6])[1:], log[len(log)-1].time-log[at[6]].time)...)
		}, counts{Authentic: n, Replayed: 1, Unsigned: 1}, len(log)},
		{"moved with its statement", func() []entry {
			return append(drop(log, at[6], size), block(log, at[6])...)
		}, counts{Authentic: n - 1, Replayed: 1}, len(log) - size},
		{"a stretch sent again", func() []entry {
			return append(clone(log), later(log[at[3]:at[9]], 30_000_000)...)
		}, counts{Authentic: n, Replayed: 6}, len(log)},
		{"from another recording of another time", func() []entry {
			return slices.Insert(clone(log), at[6], later(block(other, otherAt[2]), 0)...)
		}, counts{Authentic: n + 1}, -1}, // the same time: it may have been there
		{"from another recording, time mended", func() []entry {
			b := block(laterSigned(t, 4, 3600_000_000), otherAt[2])
			return slices.Insert(clone(log), at[6], later(b, log[at[6]].time-b[0].time)...)
		}, counts{Authentic: n, Replayed: 1}, at[6]},
		{"from another recording", func() []entry {
			return slices.Insert(clone(log), at[6], block(laterSigned(t, 4, 3600_000_000), otherAt[2])...)
		}, counts{Authentic: n, Replayed: 1}, at[6]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judge(t, join(tt.log()), JudgeOptions{})
			j.want(t, tt.want)
			if tt.at < 0 {
				return
			}
			i := slices.IndexFunc(j.Findings, func(f Finding) bool { return f.Verdict != Authentic })
			if i < 0 || j.Findings[i].Index != int64(tt.at) {
				t.Errorf("the first that is not authentic is %d, want it at record %d:\n%+v", i, tt.at, j.Findings)
			}
		})
	}
}

// laterSigned is a signed log of a flight at another time.
func laterSigned(t testing.TB, n int, us int64) []entry {
	signed, _ := signLog(t, join(later(flight(n), us)), 1, nil)
	return entries(t, signed)
}

// TestHonestLinks has what relays, radios and recorders do to a signed log. All of it
// stays authentic.
func TestHonestLinks(t *testing.T) {
	const n = 10
	log, at := signedFlight(t, n, 1)
	for _, tt := range []struct {
		name       string
		log        func() []entry
		recaptured int64
		copies     int
	}{
		{"captured anew", func() []entry { return later(log, 86400_000_000) }, n, 0},
		{"captured anew, twice as fast", func() []entry {
			c := clone(log)
			for i := range c {
				c[i].time = flightStart + 500 + (c[i].time-flightStart)/2
			}
			return c
		}, n, 0},
		{"two receivers, frame by frame", func() []entry {
			var c []entry
			for _, e := range log {
				c = append(c, e, entry{e.time + 900, e.frame})
			}
			return c
		}, 0, 1},
		{"two receivers, 30 ms apart", func() []entry {
			c := append(clone(log), later(log, 30_000)...)
			slices.SortStableFunc(c, func(a, b entry) int { return int(a.time - b.time) })
			return c
		}, 0, 1},
		{"chunks in front of the frame", func() []entry {
			c := clone(log)
			for _, i := range at {
				b := slices.Clone(block(c, i))
				copy(block(c, i), append(b[1:], b[0]))
			}
			return c
		}, 0, 0},
		{"chunks backwards", func() []entry {
			c := clone(log)
			for _, i := range at {
				slices.Reverse(block(c, i)[1:])
			}
			return c
		}, 0, 0},
		{"chunks late, among telemetry", func() []entry {
			var c, late []entry
			for _, e := range log {
				if e.chunk() {
					late = append(late, e)
					continue
				}
				c = append(c, e)
				if len(late) > 0 {
					c = append(c, entry{e.time, late[0].frame})
					late = late[1:]
				}
			}
			for _, e := range late {
				c = append(c, entry{c[len(c)-1].time, e.frame})
			}
			return c
		}, 0, 0},
		{"chunks of two commands mixed", func() []entry {
			c := clone(log)
			for k := 0; k+1 < n; k += 2 {
				i, j := at[k], at[k+1]
				a, b := block(c, i)[1:], block(c, j)[1:]
				for x := range a {
					if x%2 == 0 && x < len(b) {
						a[x], b[x] = b[x], a[x]
					}
				}
			}
			return c
		}, 0, 0},
		{"lost telemetry", func() []entry {
			return slices.DeleteFunc(clone(log), func(e entry) bool { return tlog.Frame(e.frame).ID() == 30 && e.time%3 == 0 })
		}, 0, 0},
		{"a chunk doubled", func() []entry {
			return slices.Insert(clone(log), at[3]+5, log[at[3]+5])
		}, 0, 0},
		{"spoofed chunks", func() []entry {
			c := clone(log)
			for k := range 3 {
				e := clone(log[at[3]+5+k : at[3]+6+k])[0]
				e.frame[60] ^= 1
				mend(e.frame)
				c = slices.Insert(c, at[3]+5, e)
			}
			return c
		}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judge(t, join(tt.log()), JudgeOptions{})
			j.want(t, map[Verdict]int64{Authentic: n})
			if j.Recaptured != tt.recaptured {
				t.Errorf("%d are taken for captured anew, want %d", j.Recaptured, tt.recaptured)
			}
			for _, f := range j.Findings {
				if (f.Copies > 0) != (tt.copies > 0) {
					t.Errorf("record %d: %d copies", f.Index, f.Copies)
				}
			}
		})
	}
}

// TestSignedAgain signs a signed log once more, with the same key and another, as it is and
// captured anew, by the same component and another.
func TestSignedAgain(t *testing.T) {
	const n = 8
	log, _ := signedFlight(t, n, 1)
	keys := known(newKey(t, 1).Public(), newKey(t, 2).Public())
	for _, again := range [][]entry{log, later(log, 86400_000_000)} {
		for key := range byte(2) {
			twice, sum := signLog(t, join(again), key+1, nil)
			if sum.Signed != n {
				t.Errorf("%d statements were seen, want %d", sum.Signed, n)
			}
			judge(t, twice, JudgeOptions{Keys: keys}).want(t, map[Verdict]int64{Authentic: 2 * n})
			j := judge(t, twice, JudgeOptions{})
			j.want(t, map[Verdict]int64{Authentic: n + int64(1-key)*n, Forged: int64(key) * n})
		}
	}
	// two flights, one after the other
	other := laterSigned(t, 4, 7200_000_000)
	judge(t, join(append(clone(log), other...)), JudgeOptions{}).want(t, map[Verdict]int64{Authentic: n + 4})
	k := newKey(t, 1)
	var out bytes.Buffer
	if _, err := SignLog(&out, bytes.NewReader(join(log)), Seeds(), k, FingerprintOf(k.Public()), SignOptions{Component: 99}); err != nil {
		t.Fatal(err)
	}
	from := map[uint8]bool{}
	for _, e := range entries(t, out.Bytes()) {
		if e.chunk() {
			from[tlog.Frame(e.frame).Component()] = true
		}
	}
	if len(from) != 2 || !from[99] || !from[CarrierComponent] {
		t.Errorf("chunks come from %v", from)
	}
}

// TestRandomEdits edits a signed log at random. What is authentic then is what was signed, and
// what was not touched is authentic.
func TestRandomEdits(t *testing.T) {
	const n = 15
	log, at := signedFlight(t, n, 1)
	original := map[uint64]entry{} // by nonce
	for i, k := range at {
		original[uint64(i+1)] = log[k]
	}
	rounds := 150
	if testing.Short() {
		rounds = 30
	}
	for round := range rounds {
		rng := rand.New(rand.NewPCG(7, uint64(round)))
		c := clone(log)
		touched := map[uint64]bool{}
		var did []string
		for range 1 + rng.IntN(4) {
			k := rng.IntN(n)
			i := slices.IndexFunc(c, func(e entry) bool { return bytes.Equal(e.frame, log[at[k]].frame) })
			if i < 0 {
				continue
			}
			size := len(block(c, i))
			edit := rng.IntN(8)
			did = append(did, fmt.Sprintf("%d of command %d", edit, k+1))
			touched[uint64(k+1)] = true
			switch edit {
			case 0, 1: // a byte of the frame
				c[i].frame[1+rng.IntN(len(c[i].frame)-1)] ^= byte(1 + rng.IntN(255))
				if edit == 1 && tlog.RecordLen(join(c[i:i+1])) > 0 {
					mend(c[i].frame)
				}
			case 2, 3: // a byte of a chunk
				if size > 1 {
					x := i + 1 + rng.IntN(size-1)
					c[x].frame[10+rng.IntN(len(c[x].frame)-12)] ^= byte(1 + rng.IntN(255))
					if edit == 3 {
						mend(c[x].frame)
					}
				}
			case 4: // the time
				c[i].time += rng.Int64N(5_000_000) - 2_500_000
			case 5: // gone
				c = slices.Delete(c, i, i+1)
			case 6: // a chunk gone
				if size > 1 {
					x := i + 1 + rng.IntN(size-1)
					c = slices.Delete(c, x, x+1)
				}
			case 7: // sent again; the original stays what it is
				delete(touched, uint64(k+1))
				if slices.ContainsFunc(did[:len(did)-1], func(s string) bool { return s[len(s)-2:] == did[len(did)-1][len(did[len(did)-1])-2:] }) {
					touched[uint64(k+1)] = true
				}
				copied := later(block(c, i), rng.Int64N(3)*1_000_000)
				where := rng.IntN(len(c) + 1)
				for where < len(c) && c[where].chunk() {
					where++
				}
				c = slices.Insert(c, where, copied...)
			}
		}
		j := judge(t, join(c), JudgeOptions{Workers: 1})
		authentic := map[uint64]bool{}
		for _, f := range j.Findings {
			if f.Verdict != Authentic {
				continue
			}
			if authentic[f.Nonce] {
				t.Fatalf("round %d (%v): nonce %d is authentic twice", round, did, f.Nonce)
			}
			authentic[f.Nonce] = true
			was, is := tlog.Frame(original[f.Nonce].frame), c[0]
			is, ok := recordAt(t, c, f.Index)
			if !ok {
				continue // cut differently behind a damaged frame
			}
			now := tlog.Frame(is.frame)
			if was.ID() != now.ID() || !bytes.Equal(trim(was.Payload()), trim(now.Payload())) || was.System() != now.System() ||
				was.Component() != now.Component() || is.time != original[f.Nonce].time {
				t.Fatalf("round %d (%v): nonce %d is authentic with another frame", round, did, f.Nonce)
			}
		}
		for nonce := range original {
			if !touched[nonce] && !authentic[nonce] {
				for _, f := range j.Findings {
					if f.Nonce == nonce || f.Verdict != Authentic {
						t.Logf("%+v", f)
					}
				}
				t.Fatalf("round %d (%v): command %d was not touched and is not authentic", round, did, nonce)
			}
		}
	}
}

// recordAt returns the record with an index, as a log is cut after edits.
func recordAt(t testing.TB, log []entry, index int64) (entry, bool) {
	n := int64(0)
	for _, s := range cut(t, join(log)) {
		if s.kind != tlog.Record {
			continue
		}
		if n == index {
			return entry{tlog.Time([]byte(s.data)), []byte(s.data[tlog.TimeSize:])}, true
		}
		n++
	}
	return entry{}, false
}

// TestWorkersChangeNothing judges with different numbers of workers.
func TestWorkersChangeNothing(t *testing.T) {
	log, at := signedFlight(t, 30, 1)
	log[at[4]].frame[12] ^= 1
	log = append(drop(log, at[9], 1), block(log, at[2])...)
	one := judge(t, join(log), JudgeOptions{Workers: 1})
	for _, w := range []int{2, 7} {
		if many := judge(t, join(log), JudgeOptions{Workers: w}); fmt.Sprint(stripped(many)) != fmt.Sprint(stripped(one)) {
			t.Errorf("%d workers found something else", w)
		}
	}
}

// stripped is what is exported of the findings.
func stripped(j *Judgement) []Finding {
	list := slices.Clone(j.Findings)
	for i := range list {
		list[i].content, list[i].copyCount = 0, nil
	}
	return list
}
