package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

func sealCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "cutting, sealing and verifying a log",
		Long: `Usage:
    cqbench seal [--log FILE] [--only NAMES]
    cqbench seal --save FILE
    cqbench seal --baseline FILE --fail-on 'regression>10%'

Measures cutting a log into records, sealing it and verifying it, on one and on
all processors, beside hashing its bytes alone. An operation is a whole log in
memory; rates are of its records.

Options:
        --log FILE       this log, of at most 256 MB; without it 20,000 records
                         of seven common messages, made from a fixed seed
` + commonOptions,
		Example: `        cqbench seal --log flight.tlog --require 'seal/verify>=1M rec/s'
    $ cqbench seal --only seal/verify,bound/hash --time 50ms --count 5`,
	}
	cmd.Flags().StringVar(&o.log, "log", "", "this log")
	o.addTo(cmd, "seal", sealFigures)
	return cmd
}

const maxLog = 256 << 20

// sealFigures are the figures of seal.
func sealFigures(o *options) ([]figure, error) {
	data := generatedLog(20_000)
	inputs := "20,000 generated records"
	if o.log != "" {
		in, err := cli.Open(o.cmd, o.log)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		if data, err = io.ReadAll(io.LimitReader(in, maxLog+1)); err != nil {
			return nil, err
		}
		if len(data) > maxLog {
			return nil, fmt.Errorf("%s is longer than %s", in.Name, cli.Size(maxLog))
		}
		inputs = fmt.Sprintf("a log, SHA-256 %x", sha256.Sum256(data))
	}
	o.addInputs(inputs)
	seeds := tlog.NewSeeds(mav.Seeds())
	key := must(pqsig.NewPrivateKey(pqsig.MLDSA87, make([]byte, pqsig.MLDSA87SeedSize)))
	nonces := new(nonce.Source)
	sign := func(workers int) ([]byte, *seal.Summary, error) {
		return seal.Sign(bytes.NewReader(data), seeds, seal.SigningKey{Private: key, Fingerprint: key.Public().Fingerprint()},
			seal.Options{Signer: "bench", Name: "bench.tlog", Clock: time.Now, Nonces: nonces, Workers: workers})
	}
	sealed, summary, err := sign(1)
	if err != nil {
		return nil, err
	}
	if summary.Records == 0 {
		return nil, errors.New("there are no records in the log")
	}
	request := func(workers int) seal.Request {
		return seal.Request{Log: seal.Log{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}, Seal: sealed, Seeds: seeds, Workers: workers,
			Keys: []seal.Key{{Public: key.Public(), Fingerprint: key.Public().Fingerprint()}}}
	}
	var list []figure
	add := func(name, bound string, f func()) {
		list = append(list, figure{Contender: bench.Contender{Name: name, Items: float64(summary.Records), Bytes: float64(len(data)), Func: times(f)}, bound: bound})
	}
	add("bound/hash", "", func() { sha256.Sum256(data) })
	add("seal/cut", "", func() {
		s := tlog.NewSliceScanner(data, seeds, tlog.Timed)
		for {
			if _, err := s.Next(); err != nil {
				return
			}
		}
	})
	for _, workers := range []int{1, runtime.GOMAXPROCS(0)} {
		suffix := ""
		if workers > 1 {
			suffix = fmt.Sprintf("/%d", workers)
		} else if len(list) > 2 {
			break // there is one processor
		}
		add("seal/sign"+suffix, "bound/hash", func() {
			_, _, err := sign(workers)
			check(err)
		})
		add("seal/verify"+suffix, "bound/hash", func() {
			if v := must(seal.Verify(request(workers))); v.Outcome != seal.Valid {
				panic(v.Reason)
			}
		})
	}
	return list, nil
}

// mix is what a generated log holds: messages, the lengths of their payloads, and how many of
// each come in 35.
var mix = []struct {
	id     uint32
	length int
	weight int
}{
	{30, 28, 10}, // ATTITUDE
	{33, 28, 10}, // GLOBAL_POSITION_INT
	{74, 20, 5},  // VFR_HUD
	{24, 30, 3},  // GPS_RAW_INT
	{1, 31, 3},   // SYS_STATUS
	{65, 42, 3},  // RC_CHANNELS
	{0, 9, 1},    // HEARTBEAT
}

// generatedLog returns a log of n records, MAVLink 2, always the same.
func generatedLog(n int) (log []byte) {
	r := rand.New(rand.NewPCG(20, 26))
	seeds := mav.Seeds()
	var order []int
	for i, m := range mix {
		for range m.weight {
			order = append(order, i)
		}
	}
	stamp := uint64(1_750_000_000_000_000)
	for i := range n {
		m := mix[order[r.IntN(len(order))]]
		log = binary.BigEndian.AppendUint64(log, stamp)
		start := len(log)
		log = append(log, 0xfd, byte(m.length), 0, 0, byte(i), 1, 1, byte(m.id), byte(m.id>>8), byte(m.id>>16))
		for range m.length {
			log = append(log, byte(1+r.IntN(255))) // zeros at the end would be left out
		}
		log = binary.LittleEndian.AppendUint16(log, crcX25(append(log[start+1:len(log):len(log)], seeds[m.id])))
		stamp += 1000 + r.Uint64N(8000)
	}
	return log
}

// crcX25 is CRC-16/MCRF4XX, which MAVLink calls X.25's.
func crcX25(b []byte) uint16 {
	crc := uint16(0xffff)
	for _, c := range b {
		t := c ^ byte(crc)
		t ^= t << 4
		crc = crc>>8 ^ uint16(t)<<8 ^ uint16(t)<<3 ^ uint16(t)>>4
	}
	return crc
}
