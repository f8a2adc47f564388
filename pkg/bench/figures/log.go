package figures

import (
	"encoding/binary"
	"math/rand/v2"

	"cqkit/pkg/mav"
)

// mix is what a generated log holds: messages, the lengths of their payloads, and how many of
// each come in 35.
var mix = []struct {
	id     uint32
	length int
	weight int
}{
	{30, 28, 10}, // ATTITUDE
	{33, 28, 10}, // GLOBAL_POSITION_INT
	{74, 20, 5},  // VFR_HUD
	{24, 30, 3},  // GPS_RAW_INT
	{1, 31, 3},   // SYS_STATUS
	{65, 42, 3},  // RC_CHANNELS
	{0, 9, 1},    // HEARTBEAT
}

// GeneratedLog returns a log of n records, MAVLink 2, always the same; docs/bench.md has the mix.
func GeneratedLog(n int) (log []byte) {
	r := rand.New(rand.NewPCG(20, 26))
	seeds := mav.Seeds()
	var order []int
	for i, m := range mix {
		for range m.weight {
			order = append(order, i)
		}
	}
	stamp := uint64(1_750_000_000_000_000)
	for i := range n {
		m := mix[order[r.IntN(len(order))]]
		log = binary.BigEndian.AppendUint64(log, stamp)
		start := len(log)
		log = append(log, 0xfd, byte(m.length), 0, 0, byte(i), 1, 1, byte(m.id), byte(m.id>>8), byte(m.id>>16))
		for range m.length {
			log = append(log, byte(1+r.IntN(255))) // zeros at the end would be left out
		}
		log = binary.LittleEndian.AppendUint16(log, crcX25(append(log[start+1:len(log):len(log)], seeds[m.id])))
		stamp += 1000 + r.Uint64N(8000)
	}
	return log
}

// crcX25 is CRC-16/MCRF4XX, which MAVLink calls X.25's.
func crcX25(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, c := range b {
		t := c ^ byte(crc)
		t ^= t << 4
		crc = crc>>8 ^ uint16(t)<<8 ^ uint16(t)<<3 ^ uint16(t)>>4
	}
	return crc
}
