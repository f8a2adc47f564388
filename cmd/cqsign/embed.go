package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/report"
	"cqkit/pkg/seal"
)

// checkEmbed checks what --embed is given.
func checkEmbed(o *options, logs []logfile.Found) error {
	switch {
	case len(logs) != 1 || logs[0].InFolder:
		return cli.Usagef("--embed takes one log, but %d are given", len(logs))
	case o.output == "":
		return cli.Hint(cli.Usagef("--embed needs a file for the log with its seal inside"), "name it with -o; the log itself is never changed")
	case o.json && o.output == "-":
		return cli.Usagef("--json and the log cannot both go to standard output")
	}
	return nil
}

// embed writes a copy of one log with its seal inside.
func (j *job) embed(path string, r *result) *result {
	out, err := cli.Create(j.cmd, j.o.output, cli.CreateOptions{Force: j.o.force, Binary: true})
	if err != nil {
		r.err = err
		return r
	}
	defer out.Close()
	r.Seal, r.Inside = out.Name, true
	if err := j.writeInside(path, out, r); err != nil {
		r.err = fmt.Errorf("%s: %w", quoted(path), err)
	}
	return r
}

func (j *job) writeInside(path string, out *cli.Output, r *result) error {
	o := j.sealOptions(filepath.Base(out.Name))
	index, err := j.createIndex(out, logfile.SealPath(out.Name), r)
	if err != nil {
		return err
	}
	defer index.Close()
	index.fill(&o)
	log := bufio.NewWriterSize(out, 256<<10)
	o.Embed = log
	_, sum, err := j.read(path, &o, r)
	if err == nil {
		err = log.Flush()
	}
	if err != nil {
		return err
	}
	r.sum = describe(sum)
	j.warn(sum, r)
	if err := index.commit(j, out); err != nil {
		return err
	}
	return out.Commit()
}

type extractOptions struct {
	output string
	force  bool
}

func extractCommand() *cobra.Command {
	var o extractOptions
	cmd := &cobra.Command{
		Use:   "extract -o LOG LOG2",
		Short: "take a log and the seal inside it apart",
		Long: `Usage:
    cqsign extract -o LOG LOG2

Takes LOG2, a log with its seal inside, apart: writes LOG, byte for byte what
was sealed, and LOG.cqseal, the seal, with a copy of LOG2.cqidx if that is
there. No key is needed: whether the seal counts is for cqverify to say.

Options:
    -o, --output FILE     where the log goes; its seal goes beside it
        --force           replace files that are there`,
		Example: `    $ cqsign -k pilot.key --embed -o sealed.tlog flight.tlog
    $ cqsign extract -o original.tlog sealed.tlog
    $ cqverify -k pilot.pub original.tlog`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("want one log, not %d", len(args))
			}
			return logfile.CheckNames(args)
		},
		PreRunE: func(*cobra.Command, []string) error {
			if o.output == "" || o.output == "-" {
				return cli.Hint(errors.New("no file is given for the log"), "name it with -o")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return extract(cmd, &o, args[0]) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "where the log goes")
	f.BoolVar(&o.force, "force", false, "replace files that are there")
	return cmd
}

func extract(cmd *cobra.Command, o *extractOptions, path string) error {
	if err := cli.Declare(cmd, path); err != nil {
		return err
	}
	in, err := logfile.Open(cmd, path)
	if err != nil {
		return err
	}
	defer in.Close()
	// All three exist before one is committed, so that nothing is found in the way later.
	outputs := make(map[string]*cli.Output)
	for _, name := range []string{o.output, logfile.SealPath(o.output)} {
		out, err := cli.Create(cmd, name, cli.CreateOptions{Force: o.force})
		if err != nil {
			return err
		}
		defer out.Close()
		outputs[name] = out
	}
	log := outputs[o.output]
	buffered := bufio.NewWriterSize(log, 256<<10)
	text, err := seal.Extract(buffered, seal.Log{ReaderAt: in, Size: in.Size}, runtime.GOMAXPROCS(0))
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = in.Unchanged()
	}
	if err != nil {
		return nothingInside(fmt.Errorf("%s: %w", quoted(path), err))
	}
	if err := copyIndex(cmd, o, path); err != nil {
		return err
	}
	if _, err := outputs[logfile.SealPath(o.output)].Write(text); err != nil {
		return err
	}
	for _, name := range []string{o.output, logfile.SealPath(o.output)} {
		if err := outputs[name].Commit(); err != nil {
			return err
		}
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s\n%s\n", report.Clean(o.output), report.Clean(logfile.SealPath(o.output)))
	return nil
}

// nothingInside adds what to try where no seal that fits is inside a log.
func nothingInside(err error) error {
	if errors.Is(err, seal.ErrNothingInside) {
		return cli.Hint(err, "\"cqverify -k KEY LOG\" says whether there is a seal, and what is wrong with it")
	}
	return err
}

// copyIndex copies the index beside a log with its seal inside, if there is one.
func copyIndex(cmd *cobra.Command, o *extractOptions, path string) error {
	from := logfile.IndexPath(logfile.SealPath(path))
	info, err := os.Stat(from)
	if path == "-" || errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	in, err := cli.Open(cmd, from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := cli.Create(cmd, logfile.IndexPath(logfile.SealPath(o.output)), cli.CreateOptions{Force: true})
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Commit()
}
