// Package logfile is how the programs take flight logs from the command line: files,
// folders of files, and standard input. It finds them and their seals, opens them, and
// notices when one changes while it is read. What is in a log is not its business.
package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
)

// The ends of the names of what stands beside a log.
const (
	sealEnd  = ".cqseal"
	indexEnd = ".cqidx"
)

// SealPath returns where the seal of a log is by default.
func SealPath(log string) string { return log + sealEnd }

// IndexPath returns where the index that belongs to a seal is.
func IndexPath(seal string) string {
	if base, ok := strings.CutSuffix(seal, sealEnd); ok {
		return base + indexEnd
	}
	return seal + indexEnd
}

// ErrNotRegular means that something stands where the seal of a log should be, and
// that it is no file: a folder, a pipe, a device.
var ErrNotRegular = errors.New("not a regular file")

// ReadSealOf reads the seal beside a log. The error is [fs.ErrNotExist] if there is
// none, [ErrNotRegular] if what is there is no file. What is no file is not opened:
// a pipe would be waited for.
func ReadSealOf(cmd *cobra.Command, log string) ([]byte, error) {
	path := SealPath(log)
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, err
	}
	return ReadSeal(cmd, path)
}

// ReadSeal reads a seal, or a proof, whole. It reads a little more than the most a
// seal may have and no more, so that whoever parses it can refuse it.
func ReadSeal(cmd *cobra.Command, path string) ([]byte, error) {
	in, err := cli.Open(cmd, path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var data bytes.Buffer
	if f, ok := in.File(); ok {
		if info, err := f.Stat(); err == nil {
			data.Grow(int(min(info.Size(), maxSeal)) + bytes.MinRead) // so that it never moves
		}
	}
	_, err = data.ReadFrom(io.LimitReader(in, maxSeal+1))
	return data.Bytes(), err
}

const maxSeal = 64 << 20

// CheckNames refuses arguments that are seals or indexes by their names, as a pattern
// like flight.* gives them beside the log.
func CheckNames(args []string) error {
	for _, arg := range args {
		what := "a seal"
		switch {
		case strings.HasSuffix(arg, sealEnd):
		case strings.HasSuffix(arg, indexEnd):
			what = "an index"
		default:
			continue
		}
		log := strings.TrimSuffix(strings.TrimSuffix(arg, sealEnd), indexEnd)
		return cli.Hint(cli.Usagef("%q is %s, not a log", arg, what),
			"name the log alone, %q, or its folder: its seal is found beside it", log)
	}
	return nil
}

// quoted is how messages name a log.
func quoted(path string) string {
	if path == "-" {
		return "standard input"
	}
	return fmt.Sprintf("%q", path)
}
