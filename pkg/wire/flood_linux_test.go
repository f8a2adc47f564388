package wire_test

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"cqkit/pkg/chunk"
	"cqkit/pkg/wire"
)

// BenchmarkFlood is what each kind of flood costs a receiver, in processor time: per message
// of 21 frames, and per frame of a piece. The bound of the first is the verification.
func BenchmarkFlood(b *testing.B) {
	b.Run("forged", func(b *testing.B) {
		f := newFlooded(b)
		frames := make([][][]byte, 512)
		for n := range frames {
			frames[n] = f.forged(b, uint64(n+2))
		}
		measure(b, func(i int) {
			// Two minutes later all is forgotten.
			f.add(frames[i%len(frames)], time.Duration(i/len(frames))*2*time.Minute)
		})
		if f.asked < b.N {
			b.Fatalf("%d verifications", f.asked)
		}
	})
	b.Run("verification", func(b *testing.B) {
		f := newFlooded(b)
		public, n := f.station.Public(), len(f.message)-wire.SignatureSize
		measure(b, func(int) { public.Verify(f.message[:n], "cqkit/command/v2", f.message[n:]) })
	})
	b.Run("repeated", func(b *testing.B) {
		f := newFlooded(b)
		frames := f.forged(b, 7)
		measure(b, func(int) { f.add(frames, 0) })
	})
	b.Run("piece", func(b *testing.B) {
		f := newFlooded(b)
		piece := chunk.Chunk{Type: chunk.Command, Count: 255, Data: make([]byte, chunk.MaxData)}
		frame := make([]byte, 0, chunk.MaxFrame)
		measure(b, func(i int) {
			binary.LittleEndian.PutUint64(piece.Data, uint64(i))
			frame = piece.AppendFrame(frame[:0], 0, 255, 190)
			f.Add(frame, 0)
		})
	})
}

// measure reports the processor time of a call, which other work on the machine lengthens
// less than the time on the wall.
func measure(b *testing.B, call func(i int)) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	clock := func() int64 {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
			b.Fatal(err)
		}
		return t.Nano()
	}
	start, i := clock(), 0
	for ; b.Loop(); i++ {
		call(i)
	}
	b.ReportMetric(float64(clock()-start)/float64(i), "cpu-ns/op")
	b.ReportMetric(0, "ns/op")
}
