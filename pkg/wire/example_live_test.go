package wire_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
)

// A ground station and a vehicle on loopback, with a relay between them that does what it
// likes: they agree on a session, the station gives two commands, the vehicle obeys each once.
func Example_live() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pilot, _ := pqsig.Generate(pqsig.MLDSA87)
	drone, _ := pqsig.Generate(pqsig.MLDSA87)
	thief, _ := pqsig.Generate(pqsig.MLDSA87)
	pilotID, droneID := wire.FingerprintOf(pilot.Public()), wire.FingerprintOf(drone.Public())

	station, vehicle := newPeer(255, 190), newPeer(1, 1)
	evil := relayUDP(station, vehicle)
	defer evil.Close()

	var both sync.WaitGroup
	both.Go(func() { // the vehicle
		offering, _ := wire.OfferSession(drone, droneID, pilot.Public(), wire.X25519MLKEM1024)
		vehicle.send(ctx, chunk.Offer, offering.Message())
		confirming, err := offering.Accept(vehicle.next(ctx, chunk.Answer))
		if err != nil {
			fmt.Println("vehicle:", err)
			return
		}
		vehicle.send(ctx, chunk.Confirm, confirming.Message())
		session, err := confirming.Accept(vehicle.next(ctx, chunk.Confirm))
		if err != nil {
			fmt.Println("vehicle:", err)
			return
		}
		receiver, _ := wire.NewReceiver(wire.ReceiverOptions{
			Self: droneID, System: 1, Keys: wire.Keys(pilot.Public()), Session: session.ID(), Late: true,
		})
		start, obeyed := time.Now(), 0
		for obeyed < 2 {
			for f := range vehicle.frames(ctx) {
				command, err := receiver.Add(f, time.Since(start))
				switch {
				case err != nil:
					fmt.Println("vehicle refuses:", err)
				case command != nil:
					obeyed++
					fmt.Println("vehicle obeys", mav.Name(command.ID), mav.CommandOf(command.Payload))
				}
			}
		}
	})

	// The ground station.
	answering, err := wire.AnswerSession(pilot, pilotID, station.next(ctx, chunk.Offer), drone.Public())
	if err != nil {
		fmt.Println("station:", err)
		return
	}
	station.send(ctx, chunk.Answer, answering.Message())
	session, err := answering.Accept(station.next(ctx, chunk.Confirm))
	if err != nil {
		fmt.Println("station:", err)
		return
	}
	station.send(ctx, chunk.Confirm, session.Confirmation())

	sender := wire.Sender{Key: pilot, Signer: pilotID, Receiver: droneID, Session: session.ID()}
	impostor := wire.Sender{Key: thief, Signer: pilotID, Receiver: droneID, Session: session.ID()}
	give := func(s *wire.Sender, command uint16) (frames int) {
		frame := commandLong(0, command, 1)
		chunks, err := s.Chunks(frame)
		if err != nil {
			fmt.Println("station:", err)
			return 0
		}
		station.pacer.Send(ctx, frame) // for receivers that know nothing of statements
		for i := range chunks {
			station.pacer.Send(ctx, chunks[i].AppendFrame(nil, uint8(i), 255, 190))
		}
		return 1 + len(chunks)
	}
	evil.replay(give(&sender, 400)) // arm
	impostor.Nonces = func() (uint64, error) { return 2, nil }
	give(&impostor, 22)
	give(&sender, 22) // take off
	both.Wait()
	// Output:
	// vehicle obeys COMMAND_LONG 400
	// vehicle refuses: the command was accepted before, or a later one was
	// vehicle refuses: bad signature
	// vehicle obeys COMMAND_LONG 22
}

// A peer is an end of a link over UDP.
type peer struct {
	system, component uint8
	conn              *net.UDPConn
	pacer             *wire.Pacer
	chunks            *chunk.Assembler
	seeds             *tlog.Seeds
	start             time.Time
	token             uint16
}

func newPeer(system, component uint8) *peer {
	return &peer{system: system, component: component, chunks: chunk.NewAssembler(chunk.Limits{}), seeds: wire.Seeds(), start: time.Now()}
}

// send cuts a message and sends its frames, no faster than the link takes them.
func (p *peer) send(ctx context.Context, typ chunk.Type, message []byte) {
	p.token++
	chunks, err := chunk.Cut(chunk.Chunk{Token: p.token, Type: typ}, message)
	if err != nil {
		fmt.Println(err)
	}
	for i := range chunks {
		if err := p.pacer.Send(ctx, chunks[i].AppendFrame(nil, uint8(i), p.system, p.component)); err != nil {
			fmt.Println(err)
		}
	}
}

// frames returns those of the next datagram.
func (p *peer) frames(ctx context.Context) func(func(tlog.Frame) bool) {
	buffer := make([]byte, 65536)
	deadline, _ := ctx.Deadline()
	p.conn.SetReadDeadline(deadline)
	n, err := p.conn.Read(buffer)
	if err != nil {
		panic(err) // nothing came for a minute
	}
	return wire.Frames(buffer[:n], p.seeds)
}

// next returns the next message of a type.
func (p *peer) next(ctx context.Context, typ chunk.Type) []byte {
	for {
		for f := range p.frames(ctx) {
			if f.ID() != chunk.MessageID {
				continue
			}
			c, err := chunk.Parse(f.Payload())
			if err != nil {
				continue
			}
			messages, _ := p.chunks.Add(chunk.Source{System: f.System(), Component: f.Component()}, c, time.Since(p.start), 0)
			for _, m := range messages {
				if m.Type == typ {
					return m.Bytes
				}
			}
		}
	}
}

// A udpRelay passes datagrams between two peers, swaps neighbours, and keeps what it hears.
type udpRelay struct {
	conns [2]*net.UDPConn
	mu    sync.Mutex
	heard [][]byte // from the first peer
	last  net.Addr // of the second
}

// relayUDP puts a relay between two peers and connects them with it.
func relayUDP(a, b *peer) *udpRelay {
	loopback := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	var r udpRelay
	for i, p := range []*peer{a, b} {
		var err error
		if r.conns[i], err = net.ListenUDP("udp4", loopback); err != nil {
			panic(err)
		}
		if p.conn, err = net.DialUDP("udp4", loopback, r.conns[i].LocalAddr().(*net.UDPAddr)); err != nil {
			panic(err)
		}
		if p.pacer, err = wire.NewPacer(p.conn, wire.Pace{BytesPerSecond: 1 << 20}); err != nil {
			panic(err)
		}
	}
	r.last = b.conn.LocalAddr()
	go r.pass(r.conns[0], r.conns[1], r.last, true)
	go r.pass(r.conns[1], r.conns[0], a.conn.LocalAddr(), false)
	return &r
}

// onAir sees each datagram that comes to a relay, as a capture on the link would.
var onAir atomic.Pointer[func(datagram []byte)]

// pass lets datagrams through in pairs, the second first.
func (r *udpRelay) pass(from, via *net.UDPConn, to net.Addr, keep bool) {
	buffer := make([]byte, 65536)
	var waiting []byte
	for {
		from.SetReadDeadline(time.Time{})
		if waiting != nil { // there may be no other one
			from.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		}
		n, err := from.Read(buffer)
		if see := onAir.Load(); see != nil && err == nil {
			(*see)(buffer[:n])
		}
		switch {
		case err == nil && waiting == nil:
			waiting = append([]byte{}, buffer[:n]...)
			if keep {
				r.hear(waiting)
			}
			continue
		case err == nil:
			via.WriteTo(buffer[:n], to)
			if keep {
				r.hear(append([]byte{}, buffer[:n]...))
			}
		case waiting == nil:
			return // closed
		}
		via.WriteTo(waiting, to)
		waiting = nil
	}
}

func (r *udpRelay) hear(datagram []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = append(r.heard, datagram)
}

// replay sends the last n datagrams from the first peer once more.
func (r *udpRelay) replay(n int) {
	time.Sleep(100 * time.Millisecond) // until all have passed
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.heard[len(r.heard)-n:] {
		r.conns[1].WriteTo(d, r.last)
		time.Sleep(time.Millisecond)
	}
}

func (r *udpRelay) Close() {
	for _, c := range r.conns {
		c.Close()
	}
}
