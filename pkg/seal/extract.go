package seal

import (
	"errors"
	"fmt"
	"io"
)

// ErrNothingInside means that no seal stands inside a log that fits it.
var ErrNothingInside = errors.New("no seal inside it fits the log")

// Extract takes a log and its seal apart: it writes to w the bare log, as it was before the seal
// was put inside it, and returns the seal as it would stand beside. It needs no key and
// checks no signature. The error is [ErrNothingInside] if there is none that the log fits.
func Extract(w io.Writer, log Log, workers int) ([]byte, error) {
	s, b, err := fitting(log, workers)
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(w, io.NewSectionReader(b, 0, b.Size))
	if err == nil && n != b.Size {
		err = errShrunk
	}
	if err != nil {
		return nil, fmt.Errorf("copying the log: %w", err)
	}
	return s.text, nil
}

// fitting returns the seal inside a log that fits it best, and the log without it.
func fitting(log Log, workers int) (*insideSeal, *bareLog, error) {
	in, err := findInside(log)
	if err != nil {
		return nil, nil, err
	}
	var best *insideSeal
	var without *bareLog
	for _, s := range in.ranked(log, nil) {
		fits, b, err := s.fits(log, max(workers, 1))
		if err != nil {
			return nil, nil, err
		}
		if fits && (best == nil || s.better(best)) {
			best, without = s, b
		}
	}
	if best == nil {
		return nil, nil, ErrNothingInside
	}
	return best, without, nil
}
