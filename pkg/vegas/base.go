package vegas

import "math"

const (
	// drift is by how much, relatively, a base may change from one measurement to the
	// next without being a different one.
	drift = 0.03
	// doubt is how many standard errors make a difference.
	doubt = 4
)

// An estimate is what is known of the base round-trip time: B in ns, zero for nothing,
// and the variance of its logarithm. It is a Kalman filter (R. E. Kalman, Journal of Basic
// Engineering 82, 1960) in one dimension, started anew when it is contradicted.
type estimate struct{ value, variance float64 }

// excess returns the logarithm of r to the estimate, and zero where that is noise;
// stdErr is the relative standard error of r.
func (b *estimate) excess(r, stdErr float64) float64 {
	d := math.Log(r / b.value)
	if d*d <= doubt*doubt*(b.variance+stdErr*stdErr+drift*drift) {
		return 0
	}
	return d
}

// learn takes r for a measurement of the base.
func (b *estimate) learn(r, stdErr float64) {
	if b.value == 0 || b.excess(r, stdErr) != 0 {
		b.value, b.variance = r, stdErr*stdErr
		return
	}
	b.variance += drift * drift
	gain := b.variance / (b.variance + stdErr*stdErr)
	b.value *= math.Pow(r/b.value, gain)
	b.variance *= 1 - gain
}
