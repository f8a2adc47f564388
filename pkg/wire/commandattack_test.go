package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"cqkit/pkg/tlog"
)

// TestMissing takes commands out of a signed log together with their statements.
func TestMissing(t *testing.T) {
	const n = 12
	log, at := signedFlight(t, n, 1)
	size := len(block(log, at[5]))
	for _, tt := range []struct {
		name      string
		log       []entry
		missing   int64
		authentic int64
	}{
		{"none", log, 0, n},
		{"the first", drop(log, at[0], size), 1, n - 1},
		{"one", drop(log, at[5], size), 1, n - 1},
		{"two", drop(drop(log, at[7], size), at[5], size), 2, n - 2},
		{"the end", log[:at[n-2]], 0, n - 2},
		{"the beginning", log[at[3]:], 3, n - 3},
		{"a chunk", drop(log, at[5]+3, 1), 1, n - 1},
	} {
		if j := judge(t, join(tt.log), JudgeOptions{}); j.Missing != tt.missing || j.Summary[Authentic] != tt.authentic {
			t.Errorf("%s: %d missing, %v", tt.name, j.Missing, j.Summary)
		}
	}
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
		now := records(t, c)
		authentic := map[uint64]bool{}
		for _, f := range j.Findings {
			if f.Verdict != Authentic {
				continue
			}
			if authentic[f.Nonce] {
				t.Fatalf("round %d (%v): nonce %d is authentic twice", round, did, f.Nonce)
			}
			authentic[f.Nonce] = true
			was, is := tlog.Frame(original[f.Nonce].frame), tlog.Frame(now[f.Index].frame)
			if was.ID() != is.ID() || !bytes.Equal(trim(was.Payload()), trim(is.Payload())) || was.System() != is.System() ||
				was.Component() != is.Component() || now[f.Index].time != original[f.Nonce].time {
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

// records are those of a log as it is cut after edits.
func records(t testing.TB, log []entry) (list []entry) {
	for _, s := range cut(t, join(log)) {
		if s.kind == tlog.Record {
			list = append(list, entry{tlog.Time([]byte(s.data)), []byte(s.data[tlog.TimeSize:])})
		}
	}
	return list
}
