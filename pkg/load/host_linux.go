package load

import (
	"bytes"
	"os"
	"strconv"
)

func readHost() host {
	h := host{cpu: processTime()}
	// cpu  user nice system idle iowait irq softirq steal guest guest_nice: proc_stat(5).
	// Guest time is part of user and nice.
	f, err := os.Open("/proc/stat")
	if err != nil {
		return h
	}
	defer f.Close()
	var b [512]byte
	n, _ := f.Read(b[:])
	line, _, _ := bytes.Cut(b[:n], []byte{'\n'})
	fields := bytes.Fields(line)
	if len(fields) < 9 || string(fields[0]) != "cpu" {
		return h
	}
	for i, f := range fields[1:9] {
		v, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return host{cpu: h.cpu}
		}
		h.total += v
		switch i {
		case 3, 4:
			h.idle += v
		case 7:
			h.steal = v
		}
	}
	return h
}

// processor returns the model of the processors, "" where it is not told.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, 4096)
	n, _ := f.Read(b)
	for line := range bytes.Lines(b[:n]) {
		if name, value, ok := bytes.Cut(line, []byte{':'}); ok && string(bytes.TrimSpace(name)) == "model name" {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}
