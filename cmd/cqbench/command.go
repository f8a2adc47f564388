package main

import (
	"github.com/spf13/cobra"
)

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cqbench",
		Short: "measure what keys, seals and limits cost on this machine",
		Long: `Usage:
    cqbench keys [--messages FILE]
    cqbench seal [--log FILE]
    cqbench limits [--cpu 1,2,4]
    cqbench link [--link NAME] [--log FILE]
    cqbench all
    cqbench history FILE FILE...

Measures what post-quantum keys, seals, packet tags and rate limits cost on this
machine, in under a minute, and tells whether that got worse than a saved
baseline. docs/bench.md says what each figure is and what it is not. What the
same costs on a radio link is computed, see docs/link.md.`,
		Example: `    $ cqbench keys --only hmac/100,hmac4/100 --time 20ms
    $ cqbench limits --only gcra/one,bound/decision --time 20ms`,
	}
	cmd.AddCommand(keysCommand(), sealCommand(), limitsCommand(), linkCommand(), allCommand(), historyCommand())
	return cmd
}

func keysCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "signatures, key exchange, packet tags and hashes",
		Long: `Usage:
    cqbench keys [--messages FILE] [--only NAMES]
    cqbench keys --save FILE
    cqbench keys --baseline FILE --fail-on 'regression>10%'

Measures ML-DSA-87, ML-KEM-1024 alone and with X25519, SLH-DSA-SHA2-256s,
HMAC-SHA3-256 one and four packets at a time, ChaCha20-Poly1305, and hashes.
Beside them stand the figures that CleitonQ publishes, of another machine.

Options:
        --messages FILE  what ML-DSA signs: a JSON array of strings; without it
                         the messages that C2SP's CCTV publishes for this
` + commonOptions,
		Example: `        cqbench keys --baseline base.json --fail-on 'regression>10%'
        cqbench keys --require 'mldsa87/verify<=200us' --format junit
    $ cqbench keys --only hmac/100,hmac4/100 --time 20ms --save base.json
    $ cqbench keys --only mldsa87/verify --time 20ms --json`,
	}
	cmd.Flags().StringVar(&o.messages, "messages", "", "what ML-DSA signs")
	o.addTo(cmd, "keys", keySet)
	return cmd
}

func sealCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "cutting, sealing, verifying and proving a log",
		Long: `Usage:
    cqbench seal [--log FILE] [--cpu 1,2,4] [--only NAMES]
    cqbench seal --save FILE
    cqbench seal --baseline FILE --fail-on 'regression>10%'

Measures cutting a log into records, sealing it, verifying it, finding what was
changed in it and proving one of its records, by one and by several workers,
beside hashing its bytes alone, and how much memory that takes. An operation is
a whole log in memory; rates are of its records.

Options:
        --log FILE       this log, of at most 256 MB; without it 20,000 records
                         of seven common messages, made from a fixed seed
        --cpu LIST       workers (default 1, 2, 4 and so on up to the number of
                         processors)
` + commonOptions,
		Example: `        cqbench seal --log flight.tlog --require 'seal/verify>=1M rec/s'
    $ cqbench seal --only seal/verify,bound/hash --time 50ms --count 5`,
	}
	cmd.Flags().StringVar(&o.log, "log", "", "this log")
	cmd.Flags().IntSliceVar(&o.cpu, "cpu", nil, "workers")
	o.addTo(cmd, "seal", sealSet)
	return cmd
}

func limitsCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "limits",
		Short: "rate and concurrency limits, nonces",
		Long: `Usage:
    cqbench limits [--cpu 1,2,4] [--only NAMES]
    cqbench limits --save FILE
    cqbench limits --baseline FILE --fail-on 'regression>10%'

Measures decisions of GCRA for one key, a thousand and a million, a concurrency
gate, and nonces, each beside the least it could cost: reading the clock and
updating one word.

Options:
        --cpu LIST       goroutines at once (default 1, 2, 4 and so on up to the
                         number of processors)
` + commonOptions,
		Example: `        cqbench limits --cpu 1,2,4,8 --require 'gcra/one<=100ns'
    $ cqbench limits --only gcra/one,bound/decision --time 20ms`,
	}
	cmd.Flags().IntSliceVar(&o.cpu, "cpu", nil, "goroutines at once")
	o.addTo(cmd, "limits", limitSet)
	return cmd
}

func allCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "all",
		Short: "keys, seals and limits",
		Long: `Usage:
    cqbench all [--only NAMES]
    cqbench all --save FILE
    cqbench all --baseline FILE --fail-on 'regression>10%'

Measures what keys, seal and limits measure, in the same rounds.

Options:
        --messages FILE  what ML-DSA signs: a JSON array of strings; without it
                         the messages that C2SP's CCTV publishes for this
        --log FILE       a log to cut, seal and verify, of at most 256 MB;
                         without it 20,000 records made from a fixed seed
        --cpu LIST       goroutines at once for limits, and workers for logs
                         (default 1, 2, 4 and so on up to the number of
                         processors)
` + commonOptions,
		Example: `    $ cqbench all --only hmac/100,seal/verify,gcra/one --time 20ms --format csv`,
	}
	cmd.Flags().StringVar(&o.messages, "messages", "", "what ML-DSA signs")
	cmd.Flags().StringVar(&o.log, "log", "", "a log to cut, seal and verify")
	cmd.Flags().IntSliceVar(&o.cpu, "cpu", nil, "goroutines at once")
	o.addTo(cmd, "all", allSets)
	return cmd
}

const commonOptions = `        --only NAMES     these figures: mldsa87/verify,hmac/100; a name that
                         ends in / stands for all that begin with it
        --time TIME      how long to measure each figure (default 500ms)
        --count N        samples of each figure, 5 to 10000 (default 60)
        --require EXPR   a figure must keep this: 'mldsa87/verify<=200us',
                         'sha256/bulk>=1GB/s'; repeatable
        --save FILE      keep all samples, to be a baseline later
        --baseline FILE  compare with what was saved
        --fail-on EXPR   with --baseline, what must not be: 'regression>10%'
    -o, --output FILE    write the report to FILE
        --replace        replace FILE if it exists
        --force          compare with a baseline of another machine or other
                         settings nevertheless
        --format FORMAT  table, markdown, csv, json, junit, gobench or html
        --json           short for --format json`
