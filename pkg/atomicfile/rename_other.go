//go:build !linux && !darwin && !windows

package atomicfile

func renameNew(from, to string) error { return linkNew(from, to) }
