package mav_test

import (
	"os"
	"path/filepath"
	"testing"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// TestSignedLog checks all signatures of a log signed by other programs, under the
// passphrase that its source publishes, and that a changed bit anywhere in a frame
// is noticed.
func TestSignedLog(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "tlogs", "copter-all-signed-v2-2026.tlog"))
	if err != nil {
		t.Skip("no shared logs beside the repository")
	}
	key := mav.PassphraseKey("password")
	v := mav.NewVerifier(&key)
	scan := tlog.NewSliceScanner(data, tlog.NewSeeds(mav.Seeds()), tlog.Timed)
	n := 0
	for {
		seg, err := scan.Next()
		if err != nil {
			break
		}
		frame := seg.Frame()
		if !v.Verify(frame) {
			t.Fatalf("frame %d does not verify", n)
		}
		bit := n * 7919 % (len(frame) * 8)
		frame[bit/8] ^= 1 << (bit % 8)
		if v.Verify(frame) {
			t.Fatalf("frame %d verifies with bit %d changed", n, bit)
		}
		frame[bit/8] ^= 1 << (bit % 8)
		n++
	}
	if n != 53295 {
		t.Errorf("%d signed frames, want 53,295", n)
	}
}
