package wire

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"

	"github.com/bluenviron/gomavlib/v3"

	"cqkit/pkg/tlog"
)

// TestThroughARouter plays a signed log through a router made of gomavlib, as mavp2p is
// one, and judges what is captured behind it.
func TestThroughARouter(t *testing.T) {
	station, stationSide := net.Pipe()
	vehicle, vehicleSide := net.Pipe()
	endpoint := func(c net.Conn) gomavlib.EndpointConf {
		return gomavlib.EndpointCustomClient{Connect: func(context.Context) (net.Conn, error) { return c, nil }}
	}
	node := &gomavlib.Node{
		Endpoints:  []gomavlib.EndpointConf{endpoint(stationSide), endpoint(vehicleSide)},
		OutVersion: gomavlib.V2, OutSystemID: 125, HeartbeatDisable: true,
	}
	if err := node.Initialize(); err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	open := make(chan bool, 2)
	go func() {
		for e := range node.Events() {
			switch e := e.(type) {
			case *gomavlib.EventChannelOpen:
				open <- true
			case *gomavlib.EventFrame:
				node.WriteFrameExcept(e.Channel, e.Frame)
			case *gomavlib.EventParseError:
				t.Errorf("the router says: %v", e.Error)
			}
		}
	}()
	<-open
	<-open
	log, at := signedFlight(t, 8, 1)
	var behind []entry
	r := bufio.NewReader(vehicle)
	for i, e := range log {
		if _, err := station.Write(e.frame); err != nil {
			t.Fatal(err)
		}
		frame, err := readFrame(r)
		if err != nil {
			t.Fatal(err)
		}
		behind = append(behind, entry{flightStart + 7_000_000_000 + int64(i)*500, frame})
	}
	j := judge(t, join(behind), JudgeOptions{})
	j.want(t, map[Verdict]int64{Authentic: int64(len(at))})
}

// readFrame reads one MAVLink 2 frame.
func readFrame(r *bufio.Reader) (tlog.Frame, error) {
	head, err := r.Peek(2)
	if err != nil {
		return nil, err
	}
	f := make([]byte, 12+int(head[1]))
	_, err = io.ReadFull(r, f)
	return f, err
}
