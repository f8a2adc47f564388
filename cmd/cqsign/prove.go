package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

type proveOptions struct {
	records     []string
	consistency string
	seal        string
	output      string
	force       bool
}

func proveCommand() *cobra.Command {
	var o proveOptions
	cmd := &cobra.Command{
		Use:   "prove --record N... LOG",
		Short: "cut a proof for single records out of a sealed log",
		Long: `Usage:
    cqsign prove --record N... [-s SEAL] LOG
    cqsign prove --consistency A..B [-s SEAL] LOG

Writes, for each record N, LOG.record-N.tlog-proof: the record, and the proof
that it is in the sealed log, without the rest of the log. Whoever has the
signer's public key can check it with "cqverify proof". No key is needed to make
one.

Records count from 0, as in cqverify's tables. A proof shows the record next to
the hashes of its neighbours: who holds it can confirm a guess of what they are.

Options:
        --record N              the record; several are --record 1,5,7-9
        --consistency A..B      prove instead that the log as of note A is a
                                beginning of the log as of note B, from 1
    -s, --seal FILE             the seal; LOG.cqseal without it
    -o, --output FILE           where the proof of a single record goes, or the
                                folder for several
        --force                 replace proofs that are there`,
		Example: `    $ cqsign -k pilot.key flight.tlog
    $ cqsign prove --record 1200 -o arm.tlog-proof flight.tlog
    $ cqverify proof -k pilot.pub arm.tlog-proof`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one log, not %d", len(args))
			}
			return logfile.CheckNames(args)
		},
		PreRunE: func(_ *cobra.Command, args []string) error { return o.check(args[0]) },
		RunE:    func(cmd *cobra.Command, args []string) error { return prove(cmd, &o, args[0]) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.records, "record", nil, "the records")
	f.StringVar(&o.consistency, "consistency", "", "two notes")
	f.StringVarP(&o.seal, "seal", "s", "", "the seal")
	f.StringVarP(&o.output, "output", "o", "", "where the proof goes")
	f.BoolVar(&o.force, "force", false, "replace proofs that are there")
	return cmd
}

// check checks what the flags say together.
func (o *proveOptions) check(log string) error {
	switch {
	case (len(o.records) == 0) == (o.consistency == ""):
		return errors.New("want either --record or --consistency")
	case log == "-" && (o.seal == "" || o.output == ""):
		return cli.Hint(errors.New("standard input has no name to find its seal and call its proofs by"),
			"name the seal with -s and the proof, or a folder for several, with -o")
	}
	return nil
}

// maxProofs bounds what one call writes.
const maxProofs = 10_000

// parseRecords expands "1", "5-7" to the records they name.
func parseRecords(words []string) ([]uint64, error) {
	var records []uint64
	for _, w := range words {
		first, last, isRange := strings.Cut(w, "-")
		if !isRange {
			last = first
		}
		a, err1 := strconv.ParseUint(first, 10, 62)
		b, err2 := strconv.ParseUint(last, 10, 62)
		if err1 != nil || err2 != nil || b < a {
			return nil, cli.Hint(cli.Usagef("--record %q is not a record", w), "write 12, or 12-15, or 12,14")
		}
		if b-a >= maxProofs-uint64(len(records)) {
			return nil, cli.Usagef("more than %d records are named", maxProofs)
		}
		for n := a; n <= b; n++ {
			records = append(records, n)
		}
	}
	return records, nil
}

// parseNotes parses "1..3" to note numbers from 0.
func parseNotes(s string) (a, b int, err error) {
	first, second, _ := strings.Cut(s, "..")
	a, err1 := strconv.Atoi(first)
	b, err2 := strconv.Atoi(second)
	if err1 != nil || err2 != nil || a < 1 || b <= a {
		return 0, 0, cli.Hint(cli.Usagef("--consistency %q does not name two notes", s), "write 1..3, the earlier note first")
	}
	return a - 1, b - 1, nil
}

func prove(cmd *cobra.Command, o *proveOptions, path string) error {
	records, err := parseRecords(o.records)
	if err != nil {
		return err
	}
	var from, to int
	if o.consistency != "" {
		if from, to, err = parseNotes(o.consistency); err != nil {
			return err
		}
	}
	prover, log, err := openProver(cmd, o, path)
	if err != nil {
		return err
	}
	defer log.Close()
	name := strings.TrimPrefix(path, "-")
	if name == "" {
		name = "stdin"
	}
	if o.consistency != "" {
		proof, err := prover.Consistency(from, to)
		if err != nil {
			return fmt.Errorf("%s: %w", quoted(path), err)
		}
		return write(cmd, o, fmt.Sprintf("%s.notes-%d-%d.consistency-proof", name, from+1, to+1), proof, false)
	}
	for _, r := range records {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		proof, err := prover.Record(r)
		if err == nil {
			err = log.Unchanged()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", quoted(path), err)
		}
		if err := write(cmd, o, fmt.Sprintf("%s.record-%d.tlog-proof", name, r), proof, len(records) > 1); err != nil {
			return err
		}
	}
	return nil
}

// openProver opens a log with its seal. The caller closes the log.
func openProver(cmd *cobra.Command, o *proveOptions, path string) (*seal.Prover, *logfile.Log, error) {
	sealPath := o.seal
	if sealPath == "" {
		sealPath = logfile.SealPath(path)
	}
	if err := cli.Declare(cmd, path, sealPath); err != nil {
		return nil, nil, err
	}
	var data []byte
	var err error
	inside := false
	if o.seal != "" {
		data, err = logfile.ReadSeal(cmd, o.seal)
	} else if data, err = logfile.ReadSealOf(cmd, path); errors.Is(err, fs.ErrNotExist) && exists(path) {
		inside, err = true, nil
	}
	if err != nil {
		return nil, nil, err
	}
	l, err := logfile.Open(cmd, path)
	if err != nil {
		return nil, nil, err
	}
	log := seal.Log{ReaderAt: l, Size: l.Size}
	var prover *seal.Prover
	if inside {
		prover, err = seal.NewProverInside(log, runtime.GOMAXPROCS(0))
	} else {
		prover, err = seal.NewProver(log, data, runtime.GOMAXPROCS(0))
	}
	if err == nil {
		return prover, l, nil
	}
	l.Close()
	switch {
	case errors.Is(err, seal.ErrNothingInside):
		err = cli.Hint(fmt.Errorf("%s has no seal beside it, and none inside that fits", quoted(path)), "seal it first, or name its seal with -s")
	case errors.Is(err, seal.ErrNotSealed):
		err = cli.Hint(fmt.Errorf("%s: %w", quoted(path), err), "\"cqverify -k KEY LOG\" says what is wrong with it")
	default:
		err = fmt.Errorf("%s: %w", quoted(path), err)
	}
	return nil, nil, err
}

// write writes a proof to the name that was asked for, or to its default one.
func write(cmd *cobra.Command, o *proveOptions, name string, proof []byte, several bool) error {
	switch info, err := os.Stat(o.output); {
	case o.output == "":
	case o.output != "-" && err == nil && info.IsDir():
		name = filepath.Join(o.output, filepath.Base(name))
	case several:
		return cli.Usagef("--output %q is not a folder, but several records are named", o.output)
	default:
		name = o.output
	}
	out, err := cli.Create(cmd, name, cli.CreateOptions{Force: o.force})
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := out.Write(proof); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	if out.Name != "-" {
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n", report.Clean(out.Name))
	}
	return nil
}
