package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// followEvery is how often notes are made without --every.
const followEvery = 30 * time.Second

// udpPrefix begins the name of a link that is recorded.
const udpPrefix = "udp:"

// checkFollow checks what --follow is given.
func (o *options) checkFollow(args []string) error {
	switch {
	case !o.follow && (o.record != "" || o.idle > 0 || o.emit != ""):
		return errors.New("--record, --idle and --emit go with --follow")
	case !o.follow:
		return nil
	case len(args) != 1:
		return fmt.Errorf("--follow takes one log, but %d are given", len(args))
	case o.recursive:
		return errors.New("--follow and --recursive do not go together")
	case o.record != "" && o.embed:
		return cli.Hint(errors.New("--record and --embed both write a log"), "leave --record out: -o names the log with its seal inside")
	case o.record != "" && o.output != "":
		return cli.Hint(errors.New("--record says where the seal goes: beside the log it writes"), "leave -o out")
	case o.embed && o.output == "":
		return cli.Hint(errors.New("--embed needs a file for the log with its seal inside"), "name it with -o")
	case o.emit != "" && !o.embed:
		return errors.New("--emit goes with --embed: it sends the frames that carry the seal inside the log")
	case o.output == "-":
		return errors.New("what is followed cannot go to standard output")
	case strings.HasPrefix(args[0], udpPrefix) && o.record == "" && !o.embed:
		return cli.Hint(errors.New("a link has no log yet"), "name the log to be written with --record or, to have its seal inside, with --embed -o")
	case args[0] == "-" && o.output == "" && o.record == "":
		return cli.Hint(errors.New("no output is given for the seal of standard input"), "name a file with -o, or the log to be written with --record")
	}
	return nil
}

// follow seals a log while it grows.
func follow(cmd *cobra.Command, o *options, path string) error {
	cli.EndOnTerminate(cmd)
	key, name, err := loadKey(cmd, o)
	if err != nil {
		return err
	}
	j := &job{cmd: cmd, o: o, key: key, signer: name, seeds: tlog.SeedsFrom(mav.Seeds)}
	r := &result{Log: path, Warnings: []string{}}
	f := &follower{job: j, result: r}
	f.ctx, f.stop = context.WithCancelCause(cmd.Context())
	defer f.stop(nil)
	if r.err = f.run(path); r.err != nil {
		r.err = fmt.Errorf("%s: %w", quoted(path), r.err)
	}
	err = j.tell(r)
	if o.json {
		err = errors.Join(err, printJSON(cmd.OutOrStdout(), []*result{r}))
	}
	return err
}

// follower is one following.
type follower struct {
	*job
	result *result
	ctx    context.Context // ends with the program, or when nothing more can be written
	stop   context.CancelCauseFunc

	resumed *seal.Resumed
	seal    *sealFile
	log     *logWriter // what is written of a log, nil if another program writes it
	index   *indexOutput
}

func (f *follower) run(path string) error {
	in, err := f.open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := f.outputs(path, in); err != nil {
		return err
	}
	defer f.log.Close()
	defer f.seal.Close()
	defer f.index.Close()

	o := seal.Following{Options: f.sealOptions(f.logName(path)), Every: f.o.everySpan, Append: f.append, Earlier: f.resumed}
	o.Workers = 1
	if o.Every == 0 && o.EveryRecords == 0 {
		o.Every = followEvery
	}
	f.index.fill(&o.Options)
	var r io.Reader = in
	switch {
	case f.o.embed:
		o.Embed = f.log
	case f.log != nil:
		r = io.TeeReader(in, f.log)
	}
	if f.o.emit != "" {
		e, err := dial(f.ctx, f.o.emit)
		if err != nil {
			return err
		}
		defer e.close(f.result)
		o.Emit = e.emit
	}
	cli.Say(f.cmd, "following %s; Ctrl-C ends it", quoted(path))
	sum, err := seal.Follow(r, f.seeds, f.key, o)
	if cause := context.Cause(f.ctx); err == nil && cause != nil && f.cmd.Context().Err() == nil {
		err = cause
	}
	if err != nil {
		return f.left(err)
	}
	if err := f.log.sync(); err != nil {
		return f.left(err)
	}
	f.result.sum = describe(sum)
	f.warn(sum, f.result)
	return in.ended(f.result)
}

// left says what is left behind where a following ends before its time.
func (f *follower) left(err error) error {
	switch {
	case f.log != nil:
		return cli.Hint(err, "what %q holds is sealed up to its last note", f.log.path)
	case f.seal.good() > 0:
		return cli.Hint(err, "%q covers the log up to its last note; give the same command again to go on", f.seal.path)
	}
	return err
}

// logName is what the seal calls the log.
func (f *follower) logName(path string) string {
	switch {
	case f.o.embed:
		return filepath.Base(f.o.output)
	case f.o.record != "":
		return filepath.Base(f.o.record)
	}
	return filepath.Base(path)
}

// outputs begins what is written: a log, if it is recorded, and its seal, beside or inside.
func (f *follower) outputs(path string, in source) error {
	sealPath := f.o.output
	var err error
	switch {
	case f.o.embed:
		f.result.Seal, f.result.Inside = f.o.output, true
		if f.log, err = createLog(f.cmd, f.o.output, f.o.force); err != nil {
			return err
		}
		sealPath = logfile.SealPath(f.o.output)
	case f.o.record != "":
		sealPath = logfile.SealPath(f.o.record)
		if err := f.free(sealPath); err != nil {
			return err
		}
		if f.log, err = createLog(f.cmd, f.o.record, f.o.force); err != nil {
			return err
		}
	case sealPath == "":
		sealPath = logfile.SealPath(path)
	}
	if !f.o.embed {
		f.result.Seal = sealPath
		f.seal = &sealFile{cmd: f.cmd, path: sealPath, force: f.o.force}
		if err := f.goOn(in); err != nil {
			return err
		}
	}
	if f.o.noIndex {
		return nil
	}
	f.result.Index = logfile.IndexPath(sealPath)
	out, err := cli.Create(f.cmd, f.result.Index, cli.CreateOptions{Force: true})
	if err != nil {
		return err
	}
	f.index = &indexOutput{out, bufio.NewWriterSize(out, 64<<10)}
	return nil
}

// free refuses a seal that is there already.
func (f *follower) free(path string) error {
	if exists(path) && !f.o.force {
		return cli.Hint(fmt.Errorf("%q already exists", path), "use --force to overwrite it")
	}
	return nil
}

// goOn takes up the seal of a following that did not come to its end.
func (f *follower) goOn(in source) error {
	if f.o.force || !exists(f.seal.path) {
		return nil
	}
	file, ok := in.(*tail)
	if !ok {
		return f.free(f.seal.path)
	}
	data, err := logfile.ReadSeal(f.cmd, f.seal.path)
	if err != nil {
		return err
	}
	size, err := file.size()
	if err != nil {
		return err
	}
	resumed, keep, at, err := seal.Resume(data, seal.Log{ReaderAt: file.file, Size: size}, f.key, runtime.GOMAXPROCS(0))
	switch {
	case errors.Is(err, seal.ErrFinal):
		return f.free(f.seal.path)
	case errors.Is(err, seal.ErrNotSealed):
		return cli.Hint(fmt.Errorf("it is no longer the log of which %q covers the beginning: it was replaced, cut or changed", f.seal.path),
			"move the seal away, or use --force to seal anew")
	case err != nil:
		return cli.Hint(fmt.Errorf("going on with %q: %w", f.seal.path, err), "move the seal away, or use --force to seal anew")
	}
	f.resumed = resumed
	file.at = at
	cli.Say(f.cmd, "going on with %q, which covers the first %s", f.seal.path, cli.Count(at, "byte"))
	return f.seal.resume(int64(keep))
}

// append makes a piece of the seal durable, after what it covers.
func (f *follower) append(piece []byte, final bool) (err error) {
	defer func() {
		if err != nil {
			f.stop(err) // whatever waits for the log to grow waits in vain
		}
	}()
	if err := f.log.sync(); err != nil {
		return err
	}
	if final && f.index != nil {
		if err := f.index.buffered.Flush(); err != nil {
			return err
		}
		if err := f.index.Output.Commit(); err != nil {
			return err
		}
	}
	if f.seal == nil { // it is in the log
		return nil
	}
	return f.seal.append(piece)
}
