//go:build !linux

package bench

import "golang.org/x/sys/cpu"

// ask finds the features that decide how fast hashes and signatures are. The system does not tell the rest without
// starting programs.
func (m *Machine) ask() {
	for name, has := range map[string]bool{"avx2": cpu.X86.HasAVX2, "sha3": cpu.ARM64.HasSHA3} {
		if has {
			m.Features = append(m.Features, name)
		}
	}
}
