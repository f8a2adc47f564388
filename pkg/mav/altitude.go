package mav

import "math"

// Ids of the messages that carry an altitude for [AltitudeOf].
const (
	IDGlobalPositionInt = 33
	IDVFRHUD            = 74
)

// Altitude is how high a frame says that its sender is.
type Altitude struct {
	Meters    float64 // finite
	AboveHome bool    // above the home position; else above mean sea level
}

// AltitudeOf returns the altitude that a payload carries: of GLOBAL_POSITION_INT the one
// above home (relative_alt), of VFR_HUD the one above mean sea level (alt). ok is false
// for all other messages, and for heights beyond 100 km, which are none. It allocates
// nothing.
func AltitudeOf(id uint32, payload []byte) (a Altitude, ok bool) {
	switch id {
	case IDGlobalPositionInt:
		a = Altitude{float64(int32(number(payload, 16, 4))) / 1000, true}
	case IDVFRHUD:
		a = Altitude{float64(math.Float32frombits(uint32(number(payload, 8, 4)))), false}
	default:
		return a, false
	}
	if !(math.Abs(a.Meters) <= 100_000) {
		return Altitude{}, false
	}
	return a, true
}
