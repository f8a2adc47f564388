package wire_test

import (
	"flag"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
)

var hostileCommands = flag.Int("hostile", 1000, "commands that TestHostileRelay sends")

// tick is the time between two frames.
const tick = 10 * time.Millisecond

// TestHostileRelay sends commands through a relay that drops, repeats, reorders, delays, splices,
// flips bits, spoofs chunks, forges and floods, over several sessions whose handshakes go
// through it, too. At every single frame what the vehicle accepts is compared with what an
// oracle says: no forged command and no replay, and every genuine one once, at the moment
// its last chunk arrives, but for those of which the attacker exceeded the bounds on
// variants.
func TestHostileRelay(t *testing.T) {
	total := *hostileCommands
	if testing.Short() {
		total = 300
	}
	h := newHostile(t, 7)
	h.run(total)
	if len(h.wrong) > 0 {
		t.Fatalf("%d things went wrong, the first: %s", len(h.wrong), h.wrong[0])
	}
	t.Logf("%d commands, %d frames let through: %d accepted, %d spoiled by forged chunks; %d messages replayed, %d of the session before put together anew, %d forged, at most %d verifications",
		total, h.link.now, len(h.accepted), h.spoiled, h.link.replayed, h.late, h.link.forged, h.asked)
	if len(h.accepted) < total*3/4 || h.link.forged < total/20 || h.link.replayed < total/20 || h.late == 0 || total > 500 && h.spoiled == 0 {
		t.Error("the relay is too tame, or too wild, to show anything")
	}
}

// TestHostileRelayNotices sees to it that the test above would notice: it lets vehicles
// behind the relay that leave out one check each, and one that leaves out none.
func TestHostileRelayNotices(t *testing.T) {
	for _, lax := range []string{"signature", "session", "nonce", "kind", "receiver", "target", "nothing"} {
		if testing.Short() && lax != "nonce" {
			continue
		}
		t.Run(lax, func(t *testing.T) {
			h := newHostile(t, 7)
			h.lax = lax
			h.run(400)
			if none := len(h.wrong) == 0; none != (lax == "nothing") {
				t.Errorf("%d things went wrong", len(h.wrong))
			}
		})
	}
}

func newHostile(t *testing.T, seed uint64) *hostile {
	h := &hostile{
		t: t, ground: newKey(t, 1), own: newKey(t, 2), enemy: newKey(t, 3),
		oracle: oracle{maxAge: time.Minute}, accepted: map[int]int{}, session: -1,
	}
	h.link = newRelay(seed, h.enemy, h.ground, h.observe)
	return h
}

// run sends commands in four sessions or more.
func (h *hostile) run(total int) {
	sessions := max(4, total/2500)
	for s := range sessions {
		h.forget(s - 1)
		h.begin(s)
		n := total / sessions
		messages := h.sign(s*n, n)
		for i, m := range messages {
			h.link.pass(m.frames)
			if r := h.link.rng.IntN(10); r < 2 {
				if err := h.link.forge(m.command, m.message); err != nil {
					h.t.Fatal(err)
				}
			} else if r < 4 { // the station says it again
				h.link.pass(messages[max(0, i-h.link.rng.IntN(20))].frames)
			}
		}
		if s%2 == 0 { // else they come during the next handshake, and in the next session
			h.link.letGo()
		}
	}
	h.link.letGo()
	h.forget(sessions)
}

// forget drops what was sent before a session: whatever is accepted of it from now on is a
// replay, and known to nobody.
func (h *hostile) forget(session int) {
	for digest, truth := range h.oracle.truths {
		if truth.session < session {
			if truth.spoiled && h.accepted[truth.index] == 0 {
				h.spoiled++
			}
			delete(h.oracle.truths, digest)
		}
	}
}

// hostile is a vehicle behind a relay, and who watches it.
type hostile struct {
	t      *testing.T
	link   *relay
	oracle oracle
	now    time.Duration

	ground, own, enemy *pqsig.PrivateKey

	session  int // the number of the current one, -1 before the first
	id       wire.SessionID
	past     []said // in the handshake
	highest  uint64 // nonce accepted in it
	receiver obeyer
	lax      string // the check that the vehicle leaves out, "" if it is a wire.Receiver
	asked    int    // for keys, which is no less often than it verifies

	commands []wire.Command // as sent, of all sessions
	accepted map[int]int    // how often, by number
	late     int            // times that one was put together, but not in its session
	spoiled  int            // not accepted, because of too many variants
	wrong    []string
}

// message is a command, signed and cut.
type message struct {
	command wire.Command
	message []byte
	frames  [][]byte
}

// sign makes n commands for the current session, the first with number first.
func (h *hostile) sign(first, n int) []message {
	h.t.Helper()
	messages := make([]message, n)
	work := make(chan int)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for i := range work {
				c := wire.Command{
					Signer: wire.FingerprintOf(h.ground.Public()), Receiver: wire.FingerprintOf(h.own.Public()),
					Session: h.id, Nonce: uint64(i + 1),
					Source: wire.Address{System: 255, Component: 190}, Target: wire.Address{System: 1, Component: 1},
					ID: 76, Payload: make([]byte, 33),
				}
				c.Payload[0], c.Payload[1], c.Payload[2], c.Payload[3] = byte(first+i), byte((first+i)>>8), byte((first+i)>>16), 1
				c.Payload[28], c.Payload[30], c.Payload[31], c.Payload[32] = 176, 1, 1, 1
				signed, err := c.Sign(h.ground)
				if err != nil {
					h.t.Error(err)
				}
				messages[i] = message{command: c, message: signed}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	all.Wait()
	for i := range messages {
		m := &messages[i]
		m.frames = chunked(h.t, uint16(m.command.Nonce), chunk.Command, m.message)
		h.oracle.sent(&truth{index: len(h.commands), session: h.session, nonce: m.command.Nonce, sent: m.frames}, m.message)
		h.commands = append(h.commands, m.command)
	}
	return messages
}

// observe is the vehicle's end of the link.
func (h *hostile) observe(frame []byte) {
	h.now += tick
	if h.receiver == nil {
		return
	}
	must, may := h.oracle.observe(frame, h.now)
	fresh := func(t *truth) bool {
		return t != nil && t.session == h.session && h.accepted[t.index] == 0 && (t.nonce > h.highest || h.highest-t.nonce < nonce.WindowSize)
	}
	if must != nil && must.session != h.session {
		h.late++
	}
	got := h.receiver.obey(frame, h.now)
	if got == nil {
		if fresh(must) {
			h.wrong = append(h.wrong, fmt.Sprintf("command %d is whole and was not accepted", must.index))
		}
		return
	}
	want := must
	if want == nil {
		want = may
	}
	if !fresh(want) {
		h.wrong = append(h.wrong, fmt.Sprintf("accepted %+v, which is forged, replayed or not whole", got))
		return
	}
	if sent := h.commands[want.index]; !reflect.DeepEqual(*got, sent) {
		h.wrong = append(h.wrong, fmt.Sprintf("accepted %+v, which was sent as %+v", got, sent))
	}
	h.accepted[want.index]++
	h.highest = max(h.highest, want.nonce)
}
