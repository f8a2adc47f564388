package bench

import (
	"os"
	"slices"
	"strconv"
	"strings"
)

// shown are the features that decide how fast hashes and signatures are, as the kernel names
// them on x86 and on Arm.
var shown = []string{"avx2", "avx512f", "sha_ni", "asimd", "sha2", "sha3", "sha512", "neon"}

func (m *Machine) ask() {
	cpu, _ := os.ReadFile("/proc/cpuinfo")
	m.CPU, m.Features = parseCPU(string(cpu))
	governor, _ := os.ReadFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	m.Governor = strings.TrimSpace(string(governor))
	load, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(load), " ")
	if x, err := strconv.ParseFloat(first, 64); err == nil {
		m.Load = x
	}
}

// parseCPU reads the first processor of /proc/cpuinfo. Arm has no model names, but numbers of them.
func parseCPU(text string) (name string, features []string) {
	features = []string{}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(line, ":")
		if k = strings.TrimSpace(k); fields[k] == "" {
			fields[k] = strings.TrimSpace(v)
		}
	}
	name = fields["model name"]
	if name == "" && fields["CPU part"] != "" {
		name = "Arm implementer " + fields["CPU implementer"] + " part " + fields["CPU part"]
	}
	have := strings.Fields(fields["flags"] + " " + fields["Features"])
	for _, f := range shown {
		if slices.Contains(have, f) {
			features = append(features, f)
		}
	}
	return name, features
}
