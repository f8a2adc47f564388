package target

import "testing"

// onlyTimers keeps nanosleep out of a test: it does not know the virtual clock.
func onlyTimers(t *testing.T) {
	naps.Add(maxNaps)
	t.Cleanup(func() { naps.Add(-maxNaps) })
}
