package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"cqkit/pkg/tlog"
)

var errFault = errors.New("fault")

// failingWriter takes so many bytes.
type failingWriter struct{ left int }

func (w *failingWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		n := w.left
		w.left = 0
		return n, errFault
	}
	w.left -= len(p)
	return len(p), nil
}

// failingSigner signs so many times.
type failingSigner struct {
	Signer
	left int
}

func (s *failingSigner) Sign(msg []byte, context string) ([]byte, error) {
	if s.left--; s.left < 0 {
		return nil, errFault
	}
	return s.Signer.Sign(msg, context)
}

func TestFaults(t *testing.T) {
	key := newKey(t, 1)
	signer := FingerprintOf(key.Public())
	plain := join(flight(20))
	for _, tt := range []struct {
		name string
		w    io.Writer
		r    io.Reader
		key  Signer
	}{
		{"reader", io.Discard, io.MultiReader(bytes.NewReader(plain[:700]), iotest.ErrReader(errFault)), key},
		{"reader at once", io.Discard, iotest.ErrReader(errFault), key},
		{"writer", &failingWriter{left: 5000}, bytes.NewReader(plain), key},
		{"writer at the end", &failingWriter{left: len(plain) + 100_000}, bytes.NewReader(plain), key},
		{"key", io.Discard, bytes.NewReader(plain), &failingSigner{key, 7}},
	} {
		if _, err := SignLog(tt.w, tt.r, Seeds(), tt.key, signer, SignOptions{Workers: 1}); !errors.Is(err, errFault) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := SignLog(io.Discard, bytes.NewReader(plain), Seeds(), shortSigner{}, signer, SignOptions{}); err == nil {
		t.Error("signatures of another algorithm were written")
	}
	signed, _ := signLog(t, plain, 1, nil)
	for _, n := range []int{0, 700, len(signed) - 1} {
		r := io.MultiReader(bytes.NewReader(signed[:n]), iotest.ErrReader(errFault))
		if _, err := JudgeLog(r, Seeds(), JudgeOptions{}); !errors.Is(err, errFault) {
			t.Errorf("judged %d bytes of a file that cannot be read: %v", n, err)
		}
	}
	whole := judge(t, signed, JudgeOptions{})
	slow, err := JudgeLog(iotest.OneByteReader(bytes.NewReader(signed)), Seeds(), JudgeOptions{Keys: known(key.Public())})
	if err != nil || fmt.Sprint(stripped(slow)) != fmt.Sprint(stripped(whole)) {
		t.Errorf("byte by byte it is another log: %v", err)
	}
}

// TestCutOff cuts a signed log everywhere near its middle: what is whole is authentic, and nothing
// is worse than incomplete.
func TestCutOff(t *testing.T) {
	signed, _ := signLog(t, join(flight(4)), 1, nil)
	step := 7
	if testing.Short() {
		step = 97
	}
	for n := len(signed) / 2; n < len(signed)*3/4; n += step {
		j := judge(t, signed[:n], JudgeOptions{Workers: 1})
		if bad := j.Summary[Forged] + j.Summary[Altered] + j.Summary[Replayed] + j.Summary[Orphaned]; bad > 0 || j.Summary[Authentic] < 1 {
			t.Fatalf("cut off at %d: %v", n, j.Summary)
		}
	}
}

func TestFilter(t *testing.T) {
	arm, beat := arm(), tlog.Frame(makeFrame(0, 1, 1, 0, []byte{0, 0, 0, 0, 2, 3, 81, 4, 3}))
	for _, tt := range []struct {
		name           string
		messages, from []string
		arm, beat      bool
	}{
		{"nothing said", nil, nil, true, false},
		{"by name", []string{"HEARTBEAT"}, nil, false, true},
		{"in lower case, and by id", []string{"heartbeat", "76"}, nil, true, true},
		{"from a system", nil, []string{"255"}, true, false},
		{"from a component", nil, []string{"255/190"}, true, false},
		{"from another component", nil, []string{"255/1"}, false, false},
		{"from one of two", []string{"0", "COMMAND_LONG"}, []string{"7", "1/1"}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wanted, err := Filter(tt.messages, tt.from)
			if err != nil {
				t.Fatal(err)
			}
			if wanted(arm) != tt.arm || wanted(beat) != tt.beat {
				t.Errorf("%v %v", wanted(arm), wanted(beat))
			}
		})
	}
	for _, bad := range [][2][]string{
		{{"NOTHING"}, nil}, {{""}, nil}, {{"16777216"}, nil}, {nil, {""}}, {nil, {"256"}}, {nil, {"1/256"}}, {nil, {"1/"}}, {nil, {"-1"}}, {nil, {"1/1/1"}},
	} {
		if _, err := Filter(bad[0], bad[1]); err == nil {
			t.Errorf("%q were taken", bad)
		}
	}
}
