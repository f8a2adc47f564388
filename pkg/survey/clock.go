package survey

import (
	"slices"
	"time"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// clockCheck compares the recorder's clock with the vehicle's GPS time, which
// SYSTEM_TIME carries, to find logs stamped in local time instead of UTC.
type clockCheck struct{ offsets []time.Duration }

const (
	maxOffsets = 1024
	gpsKnown   = 1_262_304_000_000_000 // 2010-01-01: earlier, the vehicle has no time yet
)

func (c *clockCheck) add(logTime int64, f tlog.Frame) {
	if len(c.offsets) == maxOffsets {
		return
	}
	vehicle, _, ok := mav.SystemTime(f.Version(), f.Payload())
	if !ok || vehicle < gpsKnown || vehicle > 1<<62 {
		return
	}
	c.offsets = append(c.offsets, time.Duration(logTime-int64(vehicle))*time.Microsecond)
}

// zone returns the median offset rounded to a quarter of an hour, if that is a time
// zone other than UTC, to within two minutes: offsets of zones are multiples of 15
// minutes from -12 to +14 hours. It returns 0 otherwise.
func (c *clockCheck) zone() time.Duration {
	if len(c.offsets) < 3 {
		return 0
	}
	slices.Sort(c.offsets)
	median := c.offsets[len(c.offsets)/2]
	zone := median.Round(15 * time.Minute)
	if (median-zone).Abs() > 2*time.Minute || zone < -12*time.Hour || zone > 14*time.Hour {
		return 0
	}
	return zone
}
