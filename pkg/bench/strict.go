package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// checkKeys refuses JSON in which an object has a key twice, of which decoders take the last, or one that is
// not written as documented, which they take for another of its spellings. Keys below "modules" are paths.
func checkKeys(r io.Reader) error {
	d := json.NewDecoder(r)
	if err := checkValue(d, false); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

func checkValue(d *json.Decoder, paths bool) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, _ := t.(json.Delim)
	switch open {
	case '[':
		for d.More() {
			if err := checkValue(d, false); err != nil {
				return err
			}
		}
	case '{':
		seen := map[string]bool{}
		for d.More() {
			t, err := d.Token()
			if err != nil {
				return err
			}
			key, _ := t.(string)
			if seen[key] {
				return fmt.Errorf("%.50q is in an object twice", key)
			}
			seen[key] = true
			if strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" && !paths {
				return fmt.Errorf("%.50q is no key", key)
			}
			if err := checkValue(d, key == "modules"); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = d.Token() // what closes it
	return err
}
