package wire

import "cqkit/pkg/keccak"

// batchSize is how many packets OpenAll looks at together.
const batchSize = 64

// OpenAll is [Session.Open] of many packets, in their order and with the same results:
// opened[i] and errs[i] become those of packets[i]. It checks the tags of each sender four
// at a time, which takes about a third of the time. The payloads of sealed packets get
// memory of their own. It panics if opened or errs is shorter than packets.
func (s *Session) OpenAll(packets [][]byte, opened []Packet, errs []error) {
	opened, errs = opened[:len(packets)], errs[:len(packets)]
	for len(packets) > 0 {
		n := min(batchSize, len(packets))
		s.openBatch(packets[:n], opened[:n], errs[:n])
		packets, opened, errs = packets[n:], opened[n:], errs[n:]
	}
}

func (s *Session) openBatch(packets [][]byte, opened []Packet, errs []error) {
	var b tagBatch
	for i, packet := range packets {
		kind, from, counter, err := s.parse(packet)
		opened[i], errs[i] = Packet{Kind: kind, From: from, Counter: counter}, err
		if err != nil || kind != Tagged {
			continue
		}
		if k := s.known(from); k == nil {
		} else if !k.tags.Fresh(counter) { // nor later
			errs[i] = ErrPacketReplayed
		} else {
			b.keys[i] = k
		}
	}
	for i := range packets {
		if b.keys[i] != nil && !b.checked[i] {
			b.check(i, packets)
		}
	}
	// What is accepted depends on what was before.
	for i, packet := range packets {
		p := &opened[i]
		switch k := b.keys[i]; {
		case errs[i] != nil:
		case k == nil: // sealed, or by a sender of which nothing has verified yet
			p.Payload, errs[i] = s.open(nil, packet, p.Kind, p.From, p.Counter)
		case !b.genuine[i]:
			if errs[i] = ErrPacketForged; !k.tags.Fresh(p.Counter) {
				errs[i] = ErrPacketReplayed
			}
		case !k.tags.Accept(p.Counter):
			errs[i] = ErrPacketReplayed
		default:
			p.Payload = packet[packetHead : len(packet)-keccak.Size]
		}
	}
}

// tagBatch is what openBatch knows of its tagged packets.
type tagBatch struct {
	keys             [batchSize]*packetKeys // of the sender, nil if it is not known
	checked, genuine [batchSize]bool
}

// check checks the tags of packets[first] and of all others of the same sender.
func (b *tagBatch) check(first int, packets [][]byte) {
	var messages, tags [batchSize][]byte
	var index [batchSize]int
	n := 0
	for i := first; i < len(packets); i++ {
		if b.keys[i] != b.keys[first] {
			continue
		}
		body := len(packets[i]) - keccak.Size
		messages[n], tags[n], index[n] = packets[i][:body], packets[i][body:], i
		n++
	}
	var ok [batchSize]bool
	b.keys[first].tag.VerifyAll(ok[:n], messages[:n], tags[:n])
	for j, i := range index[:n] {
		b.checked[i], b.genuine[i] = true, ok[j]
	}
}
