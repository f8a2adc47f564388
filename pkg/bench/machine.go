package bench

import (
	"runtime"
	"runtime/debug"
)

// A Machine is where a session was measured. What the system does not tell is empty, and a load of -1.
type Machine struct {
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"` // that this process may use
	Features []string          `json:"features"`
	Governor string            `json:"governor"`
	Load     float64           `json:"load"` // average of the last minute, before measuring
	OS       string            `json:"os"`
	Arch     string            `json:"arch"`
	Go       string            `json:"go"`
	Modules  map[string]string `json:"modules"` // versions
}

// ThisMachine describes the machine it is called on.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.GOMAXPROCS(0), Features: []string{}, Load: -1, OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version(), Modules: map[string]string{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Replace != nil {
				d = d.Replace
			}
			m.Modules[d.Path] = d.Version
		}
	}
	m.ask()
	return m
}

// Warnings says what may make figures worse or less sure than they need be.
func (m *Machine) Warnings() (list []string) {
	if m.Governor != "" && m.Governor != "performance" {
		list = append(list, "the processor's frequency governor is "+m.Governor+", not performance")
	}
	if m.Load > float64(m.Cores)/2 {
		list = append(list, "the machine was busy before the first figure was taken")
	}
	return list
}

// Differences names what keeps figures of m and o from being compared. Modules do not: they are what may have become slower.
func (m *Machine) Differences(o *Machine) (list []string) {
	for _, d := range []struct {
		name string
		same bool
	}{
		{"processor", m.CPU == o.CPU},
		{"number of cores", m.Cores == o.Cores},
		{"governor", m.Governor == o.Governor},
		{"operating system", m.OS == o.OS},
		{"architecture", m.Arch == o.Arch},
		{"Go version", m.Go == o.Go},
	} {
		if !d.same {
			list = append(list, d.name)
		}
	}
	return list
}
