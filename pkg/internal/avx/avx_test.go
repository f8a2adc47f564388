package avx

import "testing"

func TestNoCall(t *testing.T) {
	dirty, ok := Dirty(func() {})
	if !ok {
		t.Skip("this processor does not tell which registers are in use")
	}
	if dirty {
		t.Error("doing nothing leaves the upper halves dirty")
	}
	if dirty, _ := Dirty(func() { Enter(); Leave() }); dirty {
		t.Error("a bracket with nothing inside leaves the upper halves dirty")
	}
}
