package link

import "time"

// Known returns the links that docs/link.md describes, with their sources.
func Known() []Link {
	return []Link{sik(), rfd900(), wifi(), lte(), iridium(), leo("leo-2k", "CCSDS, 2 kbit/s", 2000), leo("leo-8k", "CCSDS, 8 kbit/s", 8000)}
}

// Of returns a link that carries so many bits of frames each way a second, and nothing else.
func Of(name string, bitsPerS float64) Link {
	c := Channel{BitsPerS: bitsPerS}
	return Link{Name: name, Title: "given", Down: c, Up: c}
}

// telemetryRadio is one with SiK firmware: half-duplex, 90 % of its air rate one way, packets of up to 252 bytes in which it puts
// what fits, windows of up to 131 ms; a serial line of 10 bits a byte.
func telemetryRadio(name, title string, air, baud float64) Link {
	c := Channel{BitsPerS: 0.9 * air, Packet: 252, Packs: true, Serial: baud * 8 / 10, Latency: 131 * time.Millisecond}
	return Link{Name: name, Title: title, Down: c, Up: c, Shared: true}
}

func sik() Link { return telemetryRadio("sik", "SiK, 64 kbit/s, 57,600 baud", 64_000, 57_600) }

func rfd900() Link {
	return telemetryRadio("rfd900", "RFD900, 250 kbit/s, 230,400 baud", 250_000, 230_400)
}

// wifi is one frame a datagram at the lowest rate of OFDM.
func wifi() Link {
	const (
		headers = 28 + 8 + 24 + 4 // UDP and IPv4; LLC and SNAP; header and check sequence of the frame
		difs    = 34
		backoff = 7.5 * 9 // slots of a first attempt, on average
		plcp    = 20
		sifs    = 16
		ack     = 44
	)
	wait := (difs + backoff + plcp + sifs + ack) * float64(time.Microsecond)
	c := Channel{BitsPerS: 6e6, Packet: 1472, Overhead: headers, PerPacket: time.Duration(wait), Latency: time.Millisecond}
	return Link{Name: "wifi", Title: "Wi-Fi, 6 Mbit/s", Down: c, Up: c, Shared: true}
}

// lte is a device of category 1, one frame a datagram.
func lte() Link {
	const headers = 28 + 2 + 2 + 2 // UDP and IPv4; PDCP, RLC, MAC
	c := Channel{BitsPerS: 5_160_000, Packet: 1472, Overhead: headers, Latency: 50 * time.Millisecond}
	l := Link{Name: "lte", Title: "LTE, category 1", Down: c, Up: c}
	l.Up.BitsPerS = 10_296_000
	return l
}

// iridium is short burst data: a message each way a session of ten seconds.
func iridium() Link {
	c := Channel{BitsPerS: 2400, Packet: 340, Packs: true, PerPacket: 9 * time.Second, Latency: 5 * time.Second}
	l := Link{Name: "iridium", Title: "Iridium SBD", Down: c, Up: c}
	l.Up.Packet = 270
	return l
}

// leo is a spacecraft's link: telemetry in Reed-Solomon blocks, telecommands in BCH ones, a space packet a frame.
func leo(name, title string, bits float64) Link {
	const packet = 6
	return Link{
		Name: name, Title: title,
		Down: Channel{BitsPerS: bits, Data: 223 - 6 - 2, Block: 4 + 255, Overhead: packet, Latency: 10 * time.Millisecond},
		Up: Channel{BitsPerS: bits, Data: 7, Block: 8, Packet: 1024 - 5 - 1 - 2 - packet, Overhead: packet + 5 + 1 + 2 + 2 + 8,
			Latency: 10 * time.Millisecond},
	}
}
