package replay

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// The shared logs lie beside the repository.
var sharedData = filepath.Join("..", "..", "..", "shared", "data")

// seeds are shared by all tests.
var seeds = Seeds()

func readShared(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{sharedData}, path...)...))
	if os.IsNotExist(err) {
		t.Skip("no shared logs beside the repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rec is a record of a log in the making. Gaps are left out.
type rec struct {
	time  int64
	frame tlog.Frame
	mark  bool // injected
}

// parse cuts a log into records.
func parse(data []byte) []rec {
	scan := tlog.NewSliceScanner(data, seeds, tlog.Timed)
	var out []rec
	for {
		seg, err := scan.Next()
		if err != nil {
			return out
		}
		if seg.Kind == tlog.Record {
			out = append(out, rec{time: seg.Time(), frame: seg.Frame()})
		}
	}
}

// write makes a log of records, and returns where the marked ones stand.
func write(recs []rec) (log []byte, marks []int64) {
	for i, r := range recs {
		log = binary.BigEndian.AppendUint64(log, uint64(r.time))
		log = append(log, r.frame...)
		if r.mark {
			marks = append(marks, int64(i))
		}
	}
	return log, marks
}

// crcSeeds are the seeds of checksums by message.
var crcSeeds = mav.Seeds()

// crc is CRC-16/MCRF4XX, bit by bit, to be independent of package tlog.
func crc(p []byte, seed byte) uint16 {
	c := uint16(0xFFFF)
	for _, b := range append(slices.Clone(p), seed) {
		c ^= uint16(b)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0x8408
			} else {
				c >>= 1
			}
		}
	}
	return c
}

// testKey is the passphrase of the signed log, which its source publishes.
var testKey = mav.PassphraseKey("password")

// seal gives a changed frame its checksum and, if it is signed, its signature.
func seal(f tlog.Frame) {
	end := len(f)
	if f.Signed() {
		end -= tlog.SignatureSize
	}
	binary.LittleEndian.PutUint16(f[end-2:], crc(f[1:end-2], crcSeeds[f.ID()]))
	if f.Signed() {
		mav.NewVerifier(&testKey).Sign(f)
	}
}

// withSequence returns the frame with another number.
func withSequence(f tlog.Frame, seq uint8) tlog.Frame {
	g := tlog.Frame(bytes.Clone(f))
	if g.Version() == 1 {
		g[2] = seq
	} else {
		g[4] = seq
	}
	seal(g)
	return g
}

// makeFrame makes a frame in the version, with the sender and, if signed, the link
// and the timestamp of like.
func makeFrame(like tlog.Frame, id uint32, seq uint8, payload []byte) tlog.Frame {
	if like.Version() == 1 {
		f := tlog.Frame(append([]byte{0xFE, byte(len(payload)), seq, like.System(), like.Component(), byte(id)}, payload...))
		f = append(f, 0, 0)
		seal(f)
		return f
	}
	for len(payload) > 1 && payload[len(payload)-1] == 0 {
		payload = payload[:len(payload)-1]
	}
	f := tlog.Frame(append([]byte{0xFD, byte(len(payload)), like[2], 0, seq, like.System(), like.Component(), byte(id), byte(id >> 8), byte(id >> 16)}, payload...))
	f = append(f, 0, 0)
	if like.Signed() {
		f = append(f, like.Signature()...)
		stamp := mav.ParseSignature(like.Signature()).Stamp + 1
		at := len(f) - tlog.SignatureSize + 1
		for i := range 6 {
			f[at+i] = byte(stamp >> (8 * i))
		}
	}
	seal(f)
	return f
}

// armPayload is COMMAND_LONG: arm, forced, with a number that makes it unlike others.
func armPayload(n uint32) []byte {
	p := make([]byte, 33)
	copy(p, []byte{0, 0, 0x80, 0x3F})
	binary.LittleEndian.PutUint32(p[4:], 0x46a5e800+n) // param2, near 21196
	binary.LittleEndian.PutUint16(p[28:], 400)
	p[30], p[31] = 1, 1
	return p
}

// workshop is what an attack is made of.
type workshop struct {
	whole []rec // the log, of which the attack changes one session:
	recs  []rec // whole[lo:hi]
	lo    int
	hi    int
	other []rec // of another log
	rng   *rand.Rand
	gcs   Source // the ground station; has none: 0/0
	craft Source // the vehicle
}

func newWorkshop(recs, other []rec, seed uint64) *workshop {
	w := &workshop{whole: recs, other: other, rng: rand.New(rand.NewPCG(seed, 17))}
	w.session()
	recs = w.recs
	count := make(map[Source]int)
	static := make(map[Source]int)
	last := make(map[Source]uint8)
	for _, r := range recs {
		s := Source{r.frame.System(), r.frame.Component()}
		if count[s] > 0 && last[s] == r.frame.Sequence() {
			static[s]++
		}
		last[s] = r.frame.Sequence()
		count[s]++
	}
	for s, n := range count {
		if s == radio || static[s] > n/2 || seeds.Check(firstOf(recs, s)) != tlog.OK {
			continue
		}
		if s.System == 255 {
			if n > count[w.gcs] || w.gcs == (Source{}) {
				w.gcs = s
			}
		} else if n > count[w.craft] || w.craft == (Source{}) {
			w.craft = s
		}
	}
	return w
}

// session picks a stretch of the log without a pause of more than a minute and
// without steps back: the whole log, unless it is several joined ones.
func (w *workshop) session() {
	var ends []int
	from := 0
	for i := 1; i <= len(w.whole); i++ {
		if i == len(w.whole) || w.whole[i].time-w.whole[i-1].time > 60_000_000 || w.whole[i].time < w.whole[i-1].time {
			if i-from > 2000 {
				ends = append(ends, from, i)
			}
			from = i
		}
	}
	k := 2 * w.rng.IntN(len(ends)/2)
	w.lo, w.hi = ends[k], ends[k+1]
	w.recs = slices.Clone(w.whole[w.lo:w.hi])
}

func firstOf(recs []rec, s Source) tlog.Frame {
	for _, r := range recs {
		if r.frame.System() == s.System && r.frame.Component() == s.Component {
			return r.frame
		}
	}
	return nil
}

func (w *workshop) from(r rec, s Source) bool {
	return r.frame.System() == s.System && r.frame.Component() == s.Component
}

// at returns the first record not before the time.
func (w *workshop) at(recs []rec, time int64) int {
	i, _ := slices.BinarySearchFunc(recs, time, func(r rec, t int64) int {
		if r.time < t {
			return -1
		}
		return 1
	})
	return i
}

// moment returns a random time of the log with room in µs before and behind it.
func (w *workshop) moment(before, behind int64) (int64, bool) {
	first, last := w.recs[0].time, w.recs[len(w.recs)-1].time
	span := last - first - before - behind
	if span <= 0 {
		return 0, false
	}
	return first + before + w.rng.Int64N(span), true
}

// plant has the station send an arm command at record i and count on from there, as
// if it had done so in flight. It returns the records and the command's place.
func (w *workshop) plant(recs []rec, s Source, i int, payload []byte, mark bool) ([]rec, int) {
	for i > 0 && !w.from(recs[i-1], s) {
		i--
	}
	if i == 0 {
		return nil, 0
	}
	like := recs[i-1]
	cmd := rec{time: like.time, frame: makeFrame(like.frame, mav.IDCommandLong, like.frame.Sequence()+1, payload), mark: mark}
	out := slices.Concat(recs[:i], []rec{cmd}, recs[i:])
	for j := i + 1; j < len(out); j++ {
		if w.from(out[j], s) {
			out[j].frame = withSequence(out[j].frame, out[j].frame.Sequence()+1)
		}
	}
	return out, i
}

// commander is who sends commands: the station, or the vehicle where there is none.
func (w *workshop) commander() Source {
	if w.gcs != (Source{}) {
		return w.gcs
	}
	return w.craft
}

// insert puts a marked frame at a time.
func (w *workshop) insert(recs []rec, time int64, f tlog.Frame) []rec {
	return slices.Insert(slices.Clone(recs), w.at(recs, time), rec{time, f, true})
}

// resend replays a planted command after a delay in µs.
func resend(delay int64, frame func(w *workshop, recs []rec, cmd rec, at int64) tlog.Frame) func(*workshop) []rec {
	return func(w *workshop) []rec {
		time, ok := w.moment(0, delay+1_000_000)
		if !ok {
			return nil
		}
		recs, i := w.plant(w.recs, w.commander(), w.at(w.recs, time), armPayload(w.rng.Uint32N(1000)), false)
		if recs == nil {
			return nil
		}
		at := recs[i].time + delay
		f := frame(w, recs, recs[i], at)
		if f == nil {
			return nil
		}
		// the sender must still be there, or no one could tell
		for _, r := range recs[w.at(recs, at):] {
			if w.from(r, w.commander()) {
				return w.insert(recs, at, f)
			}
		}
		return nil
	}
}

func verbatim(_ *workshop, _ []rec, cmd rec, _ int64) tlog.Frame { return cmd.frame }

// nextNumber is what an attacker does who listens to the counter.
func nextNumber(w *workshop, recs []rec, cmd rec, at int64) tlog.Frame {
	for i := w.at(recs, at) - 1; i >= 0; i-- {
		if w.from(recs[i], w.commander()) {
			return withSequence(cmd.frame, recs[i].frame.Sequence()+1)
		}
	}
	return nil
}

func anyNumber(w *workshop, _ []rec, cmd rec, _ int64) tlog.Frame {
	return withSequence(cmd.frame, uint8(w.rng.Uint32()))
}

// honest has the station send the same command again itself.
func honest(w *workshop) []rec {
	time, ok := w.moment(0, 31_000_000)
	if !ok {
		return nil
	}
	payload := armPayload(w.rng.Uint32N(1000))
	recs, i := w.plant(w.recs, w.commander(), w.at(w.recs, time), payload, false)
	if recs == nil {
		return nil
	}
	recs, _ = w.plant(recs, w.commander(), w.at(recs, recs[i].time+1_000_000), payload, true)
	return recs
}

const stretchSpan = 10_000_000

// take returns the records of 10 s, and a time at least 15 s later that is still in
// the log.
func (w *workshop) take() ([]rec, int64) {
	last := w.recs[len(w.recs)-1].time
	gap := int64(15_000_000)
	if last-w.recs[0].time < 40_000_000 {
		gap = 100_000 // a short log: right behind it
	}
	for range 100 {
		time, ok := w.moment(0, stretchSpan+gap+1_000_000)
		span := int64(stretchSpan)
		if !ok { // shorter still
			span = (last - w.recs[0].time) / 3
			time, _ = w.moment(0, 2*span)
		}
		from, to := w.at(w.recs, time), w.at(w.recs, time+span)
		there := time + span + gap
		if i := w.at(w.recs, there); to-from < 50 || i >= len(w.recs)-50 || w.recs[i].time-there > 1_000_000 {
			continue
		}
		return slices.Clone(w.recs[from:to]), there
	}
	return nil, 0
}

// block pastes a stretch between two records.
func block(w *workshop) []rec {
	stretch, there := w.take()
	if stretch == nil {
		return nil
	}
	i := w.at(w.recs, there)
	for j := range stretch {
		stretch[j].time, stretch[j].mark = w.recs[i].time, true
	}
	return slices.Insert(slices.Clone(w.recs), i, stretch...)
}

// woven sends a stretch into the live traffic, losing a part of it.
func woven(loss float64, only func(w *workshop, r rec) bool) func(*workshop) []rec {
	return func(w *workshop) []rec {
		stretch, there := w.take()
		if stretch == nil {
			return nil
		}
		shift := there - stretch[0].time
		out := slices.Clone(w.recs)
		n := 0
		for _, r := range stretch {
			if w.rng.Float64() < loss || only != nil && !only(w, r) {
				continue
			}
			r.time, r.mark = r.time+shift, true
			out = append(out, r)
			n++
		}
		if n < 5 {
			return nil
		}
		slices.SortStableFunc(out, func(a, b rec) int { return int(max(-1, min(1, a.time-b.time))) })
		return out
	}
}

func onlyCraft(w *workshop, r rec) bool   { return w.from(r, w.craft) }
func onlyStation(w *workshop, r rec) bool { return w.from(r, w.gcs) }

// spoof adds a second transmitter under the id of s: bursts of frames for 20 s with
// a counter of its own.
func spoof(pick func(*workshop) Source, ids []uint32, every int64) func(*workshop) []rec {
	return func(w *workshop) []rec {
		s := pick(w)
		if s == (Source{}) {
			return nil
		}
		span := int64(20_000_000)
		time, ok := w.moment(0, span)
		if !ok {
			time, span = w.recs[0].time+1_000_000, w.recs[len(w.recs)-1].time-w.recs[0].time-2_000_000
		}
		like := firstOf(w.recs[w.at(w.recs, time):], s)
		if like == nil {
			return nil
		}
		if like.Signed() { // who spoofs has no key
			like = tlog.Frame(bytes.Clone(like[:len(like)-tlog.SignatureSize]))
			like[2] = 0
		}
		live := 0 // two senders are needed to interleave
		for _, r := range w.recs[w.at(w.recs, time):w.at(w.recs, time+span)] {
			if w.from(r, s) {
				live++
			}
		}
		if live < 10 {
			return nil
		}
		seq := uint8(w.rng.Uint32())
		out := slices.Clone(w.recs)
		for t := time; t < time+span; t += every {
			for k, id := range ids {
				payload := armPayload(w.rng.Uint32())
				switch id {
				case mav.IDHeartbeat:
					payload = []byte{0, 0, 0, 0, 2, 3, 81, 4, 3}
				case 33: // GLOBAL_POSITION_INT
					payload = make([]byte, 28)
					binary.LittleEndian.PutUint32(payload, uint32(t/1000))
					binary.LittleEndian.PutUint64(payload[4:], w.rng.Uint64())
				}
				out = append(out, rec{t + int64(k), makeFrame(like, id, seq, payload), true})
				seq++
			}
		}
		slices.SortStableFunc(out, func(a, b rec) int { return int(max(-1, min(1, a.time-b.time))) })
		return out
	}
}

func theCraft(w *workshop) Source   { return w.craft }
func theStation(w *workshop) Source { return w.gcs }

// part returns some records of the other log, of which at least 20 have a clock.
func (w *workshop) part() []rec {
	for {
		from := w.rng.IntN(len(w.other) - 1000)
		part := slices.Clone(w.other[from : from+500+w.rng.IntN(500)])
		clocks := 0
		for _, r := range part {
			if mav.ClockOf(r.frame.ID(), r.frame.Payload()).Kind != mav.NoClock {
				clocks++
			}
		}
		if clocks >= 20 {
			return part
		}
	}
}

// splice pastes records of another log; retimed, or with their own times.
func splice(retimed bool) func(*workshop) []rec {
	return func(w *workshop) []rec {
		if len(w.other) < 2000 {
			return nil
		}
		time, ok := w.moment(1_000_000, 1_000_000)
		if !ok {
			return nil
		}
		part := w.part()
		i := w.at(w.recs, time)
		shift := int64(0)
		if retimed {
			shift = w.recs[i].time - part[0].time
			rest := part[len(part)-1].time - part[0].time
			out := slices.Clone(w.recs)
			for j := i; j < len(out); j++ {
				out[j].time += rest
			}
			for j := range part {
				part[j].time += shift
				part[j].mark = true
			}
			return slices.Insert(out, i, part...)
		}
		for j := range part {
			part[j].mark = true
		}
		return slices.Insert(slices.Clone(w.recs), i, part...)
	}
}

// resign replays signed frames.
func resign(n int) func(*workshop) []rec {
	return func(w *workshop) []rec {
		if len(w.recs) < 1000 || !w.recs[len(w.recs)/2].frame.Signed() {
			return nil
		}
		from := w.rng.IntN(len(w.recs)/2 - n)
		to := from + n + w.rng.IntN(len(w.recs)/2-n)
		part := slices.Clone(w.recs[from : from+n])
		for j := range part {
			part[j].time, part[j].mark = w.recs[to].time, true
		}
		return slices.Insert(slices.Clone(w.recs), to, part...)
	}
}

// flip changes one bit of a frame.
func flip(w *workshop) []rec {
	if len(w.recs) < 1000 || !w.recs[len(w.recs)/2].frame.Signed() {
		return nil
	}
	out := slices.Clone(w.recs)
	i := w.rng.IntN(len(out))
	out[i].frame = tlog.Frame(bytes.Clone(out[i].frame))
	bit := w.rng.IntN(8 * len(out[i].frame))
	out[i].frame[bit/8] ^= 1 << (bit % 8)
	out[i].mark = true
	return out
}
