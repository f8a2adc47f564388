package bench

import (
	"slices"
	"testing"
)

func TestParseCPU(t *testing.T) {
	for _, tt := range []struct {
		text, name string
		features   []string
	}{
		{"processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu sha_ni avx2\n\nprocessor\t: 1\nmodel name\t: Other\n", "AMD EPYC", []string{"avx2", "sha_ni"}},
		{"processor\t: 0\nFeatures\t: fp asimd sha2\nCPU implementer\t: 0x41\nCPU part\t: 0xd49\n", "Arm implementer 0x41 part 0xd49", []string{"asimd", "sha2"}},
		{"", "", nil},
	} {
		if name, features := parseCPU(tt.text); name != tt.name || !slices.Equal(features, tt.features) {
			t.Errorf("%q: %q %q", tt.text, name, features)
		}
	}
}
