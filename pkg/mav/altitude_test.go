package mav

import (
	"encoding/binary"
	"math"
	"strconv"
	"testing"
)

func TestAltitudeOf(t *testing.T) {
	position := make([]byte, 28)
	binary.LittleEndian.PutUint32(position[12:], 500_000) // alt, above the sea
	below := int32(-12_345)
	binary.LittleEndian.PutUint32(position[16:], uint32(below))
	hud := make([]byte, 20)
	binary.LittleEndian.PutUint32(hud[8:], math.Float32bits(584.25))
	nan := make([]byte, 20)
	binary.LittleEndian.PutUint32(nan[8:], math.Float32bits(float32(math.NaN())))
	far := make([]byte, 20)
	binary.LittleEndian.PutUint32(far[8:], math.Float32bits(1e9))
	for _, tt := range []struct {
		name    string
		id      uint32
		payload []byte
		want    Altitude
		ok      bool
	}{
		{"above home", IDGlobalPositionInt, position, Altitude{-12.345, true}, true},
		{"zeros cut off", IDGlobalPositionInt, nil, Altitude{0, true}, true},
		{"above the sea", IDVFRHUD, hud, Altitude{584.25, false}, true},
		{"no number", IDVFRHUD, nan, Altitude{}, false},
		{"in space", IDVFRHUD, far, Altitude{}, false},
		{"another message", IDHeartbeat, position, Altitude{}, false},
	} {
		if got, ok := AltitudeOf(tt.id, tt.payload); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %v, %v, want %v, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
	// The offsets are those of the definitions.
	for _, f := range Fields(IDGlobalPositionInt, 2, position) {
		if f.Name == "relative_alt" && f.Value != "-12345" {
			t.Errorf("relative_alt is %s by the definition", f.Value)
		}
	}
	for _, f := range Fields(IDVFRHUD, 2, hud) {
		if f.Name == "alt" && f.Value != strconv.FormatFloat(584.25, 'g', -1, 32) {
			t.Errorf("alt is %s by the definition", f.Value)
		}
	}
	if n := testing.AllocsPerRun(100, func() { AltitudeOf(IDGlobalPositionInt, position) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
