package wire_test

import (
	"bytes"
	"fmt"

	"cqkit/pkg/chunk"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/wire"
)

// A vehicle anchors the frames it sends, three to a window here, and sends the anchors
// among them. Whoever has the frames checks them with the vehicle's public key alone.
func ExampleAnchorSeries() {
	key, err := pqsig.Generate(pqsig.MLDSA87)
	if err != nil {
		panic(err)
	}
	series := wire.NewAnchorSeries(wire.FingerprintOf(key.Public()), wire.AnchorOptions{Count: 3, Frames: true})
	var link []chunk.Chunk
	var recorded [][]byte // by the ground station
	send := func(a *wire.Anchor) {
		if a == nil {
			return
		}
		message, err := a.Sign(key)
		if err != nil {
			panic(err)
		}
		chunks, err := chunk.Cut(chunk.Chunk{Type: chunk.Anchor, Token: uint16(a.Number)}, message)
		if err != nil {
			panic(err)
		}
		link = append(link, chunks...)
	}
	for i := range 7 {
		frame := fmt.Appendf(nil, "frame %d", i)
		recorded = append(recorded, frame)
		send(series.Add(frame, int64(i)*20_000))
	}
	send(series.Close())

	// the ground station
	var file bytes.Buffer
	assembler := chunk.NewAssembler(chunk.Limits{})
	for i, c := range link {
		messages, err := assembler.Add(chunk.Source{System: 1, Component: 1}, c, 0, uint64(i))
		if err != nil {
			panic(err)
		}
		for _, m := range messages {
			file.Write(m.Bytes)
		}
	}
	anchors, err := wire.ReadAnchors(&file, func(wire.Fingerprint, int64) (*pqsig.PublicKey, error) { return key.Public(), nil })
	if err != nil {
		panic(err)
	}
	recorded[4] = []byte("something else")
	comparison := wire.NewComparison(anchors.Windows(), wire.MerkleCommitment, anchors.Total())
	for _, frame := range recorded {
		comparison.Presented(wire.TagOf(frame))
	}
	result := comparison.Result(anchors.Outcome == wire.AnchorsValid)
	fmt.Println(len(anchors.List), "anchors,", anchors.Outcome)
	fmt.Println("intact:", result.Intact)
	for _, d := range result.Differences {
		fmt.Println(d.Kind, "somewhere in frames", d.Anchored, "to", d.Anchored+int64(d.Count)-1)
	}
	// Output:
	// 3 anchors, valid
	// intact: [true false true]
	// changed somewhere in frames 3 to 5
}
