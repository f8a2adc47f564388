package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench/figures"
)

// The sets of figures that subcommands measure, of what the options say.

func keySet(o *options) (figures.Set, error) {
	messages, err := o.readMessages()
	if err != nil {
		return figures.Set{}, err
	}
	return figures.Keys(messages), nil
}

func sealSet(o *options) (figures.Set, error) {
	workers, err := o.workers()
	if err != nil {
		return figures.Set{}, err
	}
	log, err := o.readLog()
	if err != nil {
		return figures.Set{}, err
	}
	return figures.Seal(log, workers)
}

func limitSet(o *options) (figures.Set, error) {
	goroutines, err := o.workers()
	if err != nil {
		return figures.Set{}, err
	}
	o.addInputs(fmt.Sprintf("goroutines %v", goroutines))
	return figures.Limits(goroutines), nil
}

func allSets(o *options) (all figures.Set, err error) {
	for _, set := range []func(*options) (figures.Set, error){keySet, sealSet, limitSet} {
		s, err := set(o)
		if err != nil {
			return all, err
		}
		all.Add(s)
	}
	return all, nil
}

// workers are the numbers of goroutines, ascending.
func (o *options) workers() ([]int, error) {
	cpu := o.cpu
	if len(cpu) == 0 {
		most := runtime.GOMAXPROCS(0)
		for n := 1; n < most; n *= 2 {
			cpu = append(cpu, n)
		}
		cpu = append(cpu, most)
	}
	cpu = slices.Compact(slices.Sorted(slices.Values(cpu)))
	if cpu[0] < 1 || cpu[len(cpu)-1] > 1024 {
		return nil, cli.Usagef("--cpu takes numbers from 1 to 1024")
	}
	return cpu, nil
}

// readMessages returns what ML-DSA signs.
func (o *options) readMessages() ([][]byte, error) {
	if o.messages == "" || o.dry {
		messages := figures.CCTV()
		o.addInputs(fmt.Sprintf("CCTV's %d messages", len(messages)))
		return messages, nil
	}
	in, err := cli.Open(o.cmd, o.messages)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return nil, err
	}
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil || len(texts) == 0 || len(texts) > 10_000 {
		return nil, fmt.Errorf("%s is no JSON array of 1 to 10,000 strings", in.Name)
	}
	var messages [][]byte
	for _, t := range texts {
		messages = append(messages, []byte(t))
	}
	o.addInputs(fmt.Sprintf("%d messages, SHA-256 %x", len(texts), sha256.Sum256(data)))
	return messages, nil
}

// The log that is worked on.
const (
	generatedRecords = 20_000
	maxLog           = 256 << 20
)

// readLog returns the log given, or one that is generated.
func (o *options) readLog() ([]byte, error) {
	if o.dry {
		return figures.GeneratedLog(10), nil
	}
	if o.log == "" {
		o.addInputs("20,000 generated records")
		return figures.GeneratedLog(generatedRecords), nil
	}
	in, err := cli.Open(o.cmd, o.log)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxLog+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxLog {
		return nil, fmt.Errorf("%s is longer than %s", in.Name, cli.Size(maxLog))
	}
	o.addInputs(fmt.Sprintf("a log, SHA-256 %x", sha256.Sum256(data)))
	return data, nil
}
