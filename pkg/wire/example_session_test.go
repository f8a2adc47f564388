package wire_test

import (
	"fmt"
	"log"

	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
)

// A vehicle and a ground station agree on a session, and the vehicle sends a packet. The
// messages go over any link; here they are handed over.
func ExampleOfferSession() {
	vehicleKey, groundKey := exampleKey(), exampleKey()
	vehicle, ground := wire.FingerprintOf(vehicleKey.Public()), wire.FingerprintOf(groundKey.Public())

	// The vehicle offers, the ground station answers a vehicle it knows.
	offering, err := wire.OfferSession(vehicleKey, vehicle, groundKey.Public(), wire.MLKEM1024)
	if err != nil {
		log.Fatal(err)
	}
	answering, err := wire.AnswerSession(groundKey, ground, offering.Message(), vehicleKey.Public())
	if err != nil {
		log.Fatal(err)
	}

	// Both confirm.
	confirming, err := offering.Accept(answering.Message())
	if err != nil {
		log.Fatal(err)
	}
	atGround, err := answering.Accept(confirming.Message())
	if err != nil {
		log.Fatal(err)
	}
	onBoard, err := confirming.Accept(atGround.Confirmation())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("same session:", onBoard.ID() == atGround.ID())

	packet, err := onBoard.Sender(wire.Address{System: 1, Component: 1}).Seal(nil, []byte("altitude 50"))
	if err != nil {
		log.Fatal(err)
	}
	opened, err := atGround.Open(nil, packet)
	fmt.Printf("%v packet %d from %v: %q, %v\n", opened.Kind, opened.Counter, opened.From, opened.Payload, err)
	_, err = atGround.Open(nil, packet)
	fmt.Println("again:", err)
	_, err = onBoard.Open(nil, packet)
	fmt.Println("sent back:", err)
	// Output:
	// same session: true
	// sealed packet 1 from 1/1: "altitude 50", <nil>
	// again: packet is replayed, or far too late
	// sent back: packet is forged or altered
}

func exampleKey() *pqsig.PrivateKey {
	key, err := pqsig.Generate(pqsig.MLDSA87)
	if err != nil {
		log.Fatal(err)
	}
	return key
}
