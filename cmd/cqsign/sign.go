package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// largeLog is the size in bytes from which a log is hashed on all cores by itself.
const largeLog = 8 << 20

// job is what is common to all logs of a run.
type job struct {
	cmd    *cobra.Command
	o      *options
	key    seal.SigningKey
	signer string
	seeds  *tlog.Seeds
	nonces nonce.Source

	progress *cli.Progress
}

func sealAll(cmd *cobra.Command, o *options, args []string) error {
	logs := logfile.Find(args, o.recursive)
	if err := checkOutput(o, logs); err != nil {
		return err
	}
	key, name, err := loadKey(cmd, o)
	if err != nil {
		return err
	}
	total, err := logfile.Declare(cmd, logs)
	if err != nil {
		return err
	}
	j := &job{cmd: cmd, o: o, key: key, signer: name, seeds: tlog.SeedsFrom(mav.Seeds)}
	j.progress = cli.NewProgress(cmd, "sealing", "bytes", total)
	defer j.progress.Stop()
	results, err := eachLog(cmd, logs, j.one, j.tell)
	j.progress.Stop()
	if o.json {
		err = errors.Join(err, printJSON(cmd.OutOrStdout(), results))
	}
	return err
}

// checkOutput refuses -o where it cannot mean anything.
func checkOutput(o *options, logs []logfile.Found) error {
	stdin := false
	for _, l := range logs {
		stdin = stdin || l.Path == "-"
	}
	switch {
	case o.embed:
		return checkEmbed(o, logs)
	case o.output != "" && (len(logs) != 1 || logs[0].InFolder):
		return cli.Usagef("--output names one seal, but %d logs are given", len(logs))
	case stdin && o.output == "":
		return cli.Hint(cli.Usagef("no output is given for the seal of standard input"), "name a file with -o")
	case o.json && o.output == "-":
		return cli.Usagef("--json and the seal cannot both go to standard output")
	}
	return nil
}

// one seals one log.
func (j *job) one(l logfile.Found) *result {
	r := &result{Log: l.Path, Warnings: []string{}}
	if r.err = l.Err; r.err != nil {
		return r
	}
	if j.o.embed {
		return j.embed(l.Path, r)
	}
	r.Seal = j.o.output
	if r.Seal == "" {
		r.Seal = logfile.SealPath(l.Path)
	}
	out, err := cli.Create(j.cmd, r.Seal, cli.CreateOptions{Force: j.o.force})
	if l.InFolder && err != nil && exists(r.Seal) {
		r.Skipped = true
		return r
	}
	if err != nil {
		r.err = err
		return r
	}
	defer out.Close()
	err = j.write(l.Path, out, r)
	switch {
	case err == nil:
	case l.InFolder && errors.Is(err, fs.ErrExist): // another process was faster
		*r = result{Log: l.Path, Seal: r.Seal, Skipped: true, Warnings: []string{}}
	default:
		r.err = fmt.Errorf("%s: %w", quoted(l.Path), err)
	}
	return r
}

// write seals a log to out. Nothing appears unless everything does, the index first.
func (j *job) write(path string, out *cli.Output, r *result) error {
	o := j.sealOptions(filepath.Base(path))
	index, err := j.createIndex(out, out.Name, r)
	if err != nil {
		return err
	}
	defer index.Close()
	index.fill(&o)
	data, sum, err := j.read(path, &o, r)
	if err != nil {
		return err
	}
	r.sum = describe(sum)
	j.warn(sum, r)
	if err := index.commit(j, out); err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return err
	}
	return out.Commit()
}

func (j *job) sealOptions(name string) seal.Options {
	return seal.Options{
		Signer: j.signer, Name: name,
		EveryRecords: j.o.everyRecords, EverySpan: j.o.everySpan,
		Clock: time.Now, Nonces: &j.nonces, Workers: 1,
	}
}

// indexOutput is an index in the making. A nil one does nothing.
type indexOutput struct {
	*cli.Output
	buffered *bufio.Writer
}

// createIndex begins the index that belongs to a seal of the given name, unless none
// is wanted or out, to which the seal goes, is no file.
func (j *job) createIndex(out *cli.Output, sealName string, r *result) (*indexOutput, error) {
	if j.o.noIndex || !isFile(out) {
		return nil, nil
	}
	r.Index = logfile.IndexPath(sealName)
	// An index without a seal is a leftover; with --force it goes with its seal.
	index, err := cli.Create(j.cmd, r.Index, cli.CreateOptions{Force: true})
	if err != nil {
		return nil, err
	}
	return &indexOutput{index, bufio.NewWriterSize(index, 64<<10)}, nil
}

func (x *indexOutput) fill(o *seal.Options) {
	if x != nil {
		o.Index = x.buffered
	}
}

func (x *indexOutput) commit(j *job, out *cli.Output) error {
	if x == nil {
		return nil
	}
	if err := x.buffered.Flush(); err != nil {
		return err
	}
	// Whoever sealed the log meanwhile keeps the index as it is.
	if !j.o.force && exists(out.Name) {
		return &fs.PathError{Op: "create", Path: out.Name, Err: fs.ErrExist}
	}
	return x.Commit()
}

func (x *indexOutput) Close() error {
	if x == nil {
		return nil
	}
	return x.Output.Close()
}

// read reads a log once, to its end, and seals it.
func (j *job) read(path string, o *seal.Options, r *result) ([]byte, *seal.Summary, error) {
	if path == "-" {
		in, err := cli.Open(j.cmd, path)
		if err != nil {
			return nil, nil, err
		}
		defer in.Close()
		o.Name, o.Workers = "-", runtime.GOMAXPROCS(0)
		head := bufio.NewReaderSize(j.progress.Reader(in), tlog.HeadSize)
		first, _ := head.Peek(tlog.HeadSize)
		j.look(first, r)
		return seal.Sign(head, j.seeds, j.key, *o)
	}
	l, err := logfile.Open(j.cmd, path)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	l.Progress = j.progress
	if l.Size >= largeLog {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	head := make([]byte, min(l.Size, tlog.HeadSize))
	if n, err := l.ReadAt(head, 0); err == nil || err == io.EOF {
		j.look(head[:n], r)
	}
	data, sum, err := seal.Sign(l.Reader(), j.seeds, j.key, *o)
	if err == nil {
		err = l.Unchanged()
	}
	return data, sum, err
}

// look warns of what is no log of timed records.
func (j *job) look(head []byte, r *result) {
	switch look := tlog.Detect(head, j.seeds); {
	case bytes.HasPrefix(head, []byte("cqkit/flight-log/")):
		r.warn("this is a seal, not a log")
	case look.Format == tlog.Raw:
		r.warn("a raw link capture without times: it is sealed as one piece, and no record in it can be named")
	case look.LittleEndian:
		r.warn("its times look little-endian: it is sealed as one piece, and no record in it can be named")
	}
}

func (j *job) warn(s *seal.Summary, r *result) {
	if s.SigningSecrets > 0 {
		r.warn("it contains %s with a secret MAVLink signing key: do not pass it on before that key is changed",
			cli.Count(int64(s.SigningSecrets), "SETUP_SIGNING frame"))
	}
	if s.Records == 0 && len(r.Warnings) == 0 {
		r.warn("it has no record")
	}
	if !j.o.noIndex && r.Index == "" {
		r.warn("no index is written: the seal goes to no file that it could stand beside")
	}
}

// isFile reports whether a seal is going to be a file, not a pipe or a device.
func isFile(out *cli.Output) bool {
	if out.Name == "-" {
		return false
	}
	info, err := os.Stat(out.Name)
	return err != nil || info.Mode().IsRegular()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
