package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// mangleUsage describes the program that makes logs for the scripts and edits them.
// Records count from 0; A-B is records A to B, or one record.
const mangleUsage = `usage: mangle drop A-B IN OUT              leave records out
       mangle keep A-B IN OUT              keep only these: cuts the beginning or the end
       mangle change A-B IN OUT            change a byte of each
       mangle double A-B IN OUT            write them twice
       mangle move A-B C IN OUT            move them in front of record C
       mangle insert C FROM A-B IN OUT     records of another log in front of record C; "end" for C
       mangle join FILE... OUT             files one after another
       mangle replace OLD NEW IN OUT       replace a text of a seal, once
       mangle cutnotes N IN OUT            keep the first N notes of a seal; all but the first for -1
       mangle make KIND N SEED OUT         a log of N records:
                                           flight, local-time, signing-key, raw, little-endian
       mangle text TEXT OUT                a log with a STATUSTEXT, in Go's notation
       mangle param TEXT OUT               a log with a PARAM_VALUE of that name
`

// mangle is that program. It returns its exit code.
func mangle(args []string) int {
	if err := mangleLog(args); err != nil {
		fmt.Fprintf(os.Stderr, "mangle: %v\n", err)
		return 1
	}
	return 0
}

func mangleLog(args []string) error {
	if len(args) < 3 {
		return errors.New(mangleUsage)
	}
	op, rest, out := args[0], args[1:len(args)-1], args[len(args)-1]
	var log [][]byte
	var err error
	switch {
	case op == "make" && len(rest) == 3:
		log, err = makeNumbered(rest[0], rest[1], rest[2])
	case op == "text" && len(rest) == 1:
		log, err = makeText(rest[0], statusText)
	case op == "param" && len(rest) == 1:
		log, err = makeText(rest[0], paramValue)
	case op == "join":
		for _, name := range rest {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			log = append(log, data)
		}
	case op == "cutnotes" && len(rest) == 2:
		return cutNotes(rest[0], rest[1], out)
	case op == "replace" && len(rest) == 3:
		return replace(rest[0], rest[1], rest[2], out)
	case len(rest) < 2:
		return errors.New(mangleUsage)
	default:
		if log, err = readRecords(rest[len(rest)-1]); err == nil {
			log, err = editLog(op, rest[:len(rest)-1], log)
		}
	}
	if err != nil {
		return err
	}
	return os.WriteFile(out, slices.Concat(log...), 0o644)
}

// cutNotes keeps the first n notes of a seal, or all but the first.
func cutNotes(n, in, out string) error {
	data, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	const between = "\n\ncqkit/"
	notes := strings.Split(string(data), between)
	if n == "-1" {
		return os.WriteFile(out, []byte("cqkit/"+strings.Join(notes[1:], between)), 0o644)
	}
	keep, err := strconv.Atoi(n)
	if err != nil || keep >= len(notes) {
		return fmt.Errorf("%s has %d notes", in, len(notes))
	}
	return os.WriteFile(out, []byte(strings.Join(notes[:keep], between)+"\n"), 0o644)
}

func replace(before, after, in, out string) error {
	data, err := os.ReadFile(in)
	if err == nil && !bytes.Contains(data, []byte(before)) {
		err = fmt.Errorf("%s: no %q", in, before)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(out, bytes.Replace(data, []byte(before), []byte(after), 1), 0o644)
}

// editLog applies one edit to a log's segments.
func editLog(op string, args []string, log [][]byte) ([][]byte, error) {
	at := 0
	if op == "insert" && len(args) == 3 {
		other, err := readRecords(args[1])
		if err != nil {
			return nil, err
		}
		a, b, err := records(args[2], len(other))
		if err == nil {
			at, err = record(args[0], len(log))
		}
		if err != nil {
			return nil, err
		}
		return slices.Insert(log, at, other[a:b]...), nil
	}
	a, b, err := records(args[0], len(log))
	if err != nil {
		return nil, err
	}
	run := slices.Clone(log[a:b])
	switch {
	case op == "drop" && len(args) == 1:
		return slices.Delete(log, a, b), nil
	case op == "keep" && len(args) == 1:
		return run, nil
	case op == "change" && len(args) == 1:
		for i := range run {
			changed := slices.Clone(run[i])
			changed[len(changed)-1] ^= 0x40
			log[a+i] = changed
		}
		return log, nil
	case op == "double" && len(args) == 1:
		return slices.Insert(log, b, run...), nil
	case op == "move" && len(args) == 2:
		if at, err = record(args[1], len(log)); err != nil {
			return nil, err
		}
		log = slices.Delete(log, a, b)
		if at >= b {
			at -= b - a
		}
		return slices.Insert(log, at, run...), nil
	}
	return nil, errors.New(mangleUsage)
}

// readRecords cuts a log that must have no gaps.
func readRecords(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var log [][]byte
	for len(data) > 0 {
		n := tlog.RecordLen(data)
		if n == 0 {
			return nil, fmt.Errorf("%s: no record at %d bytes from the end", path, len(data))
		}
		log = append(log, data[:n:n])
		data = data[n:]
	}
	return log, nil
}

func record(s string, n int) (int, error) {
	if s == "end" {
		return n, nil
	}
	i, err := strconv.Atoi(s)
	if err == nil && (i < 0 || i > n) {
		err = fmt.Errorf("no record %d among %d", i, n)
	}
	return i, err
}

// records parses "5-7" to 5, 8.
func records(s string, n int) (from, to int, err error) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		last = first
	}
	if from, err = record(first, n); err == nil {
		to, err = record(last, n)
	}
	if err == nil && last != "end" {
		to++
	}
	if err == nil && (to > n || to < from) {
		err = fmt.Errorf("no records %s among %d", s, n)
	}
	return from, to, err
}

// begin is when the logs that are made begin: 2026-06-01 10:00:00 UTC.
const begin int64 = 1_780_308_000_000_000

// makeLog makes a log of heartbeats, attitudes and, each second, the time, 20 records
// a second. What the seed decides is in the attitudes, so that no two are alike.
func makeLog(kind string, n int, seed uint64) ([][]byte, error) {
	r := rand.New(rand.NewPCG(seed, 0))
	seeds := mav.Seeds()
	var log [][]byte
	for i := range n {
		at := begin + int64(i)*50_000
		id, payload := uint32(30), make([]byte, 28) // ATTITUDE
		switch {
		case i%20 == 0:
			id, payload = mav.IDHeartbeat, []byte{0, 0, 0, 0, 2, 3, 81, 4, 3}
		case i%20 == 1:
			id, payload = mav.IDSystemTime, slices.Concat(little(uint64(at), 8), little(uint64(i*50+1), 4))
		case kind == "signing-key" && i == n/2+7:
			id, payload = mav.IDSetupSigning, slices.Concat(little(1, 8), []byte{1, 1}, []byte(strings.Repeat("secret!!", 4)))
		default:
			copy(payload, little(uint64(i*50), 4))
			for j := 4; j < 28; j++ {
				payload[j] = byte(r.Uint32() | 1)
			}
		}
		frame := makeFrame(seeds, id, uint8(i), payload)
		switch kind {
		case "flight", "signing-key":
			log = append(log, timed(at, frame))
		case "local-time":
			log = append(log, timed(at+2*3600_000_000, frame))
		case "raw":
			log = append(log, frame)
		case "little-endian":
			log = append(log, append(little(uint64(at), 8), frame...))
		default:
			return nil, fmt.Errorf("no kind %q of log", kind)
		}
	}
	return log, nil
}

func makeNumbered(kind, count, seed string) ([][]byte, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return nil, err
	}
	s, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return nil, err
	}
	return makeLog(kind, n, s)
}

// makeText makes a log with a message that carries text.
func makeText(quoted string, payload func(text string) (id uint32, payload []byte)) ([][]byte, error) {
	text, err := strconv.Unquote(`"` + quoted + `"`)
	if err != nil {
		return nil, fmt.Errorf("text %s: %w", quoted, err)
	}
	log, err := makeLog("flight", 40, 1)
	if err == nil {
		id, p := payload(text)
		log[5] = timed(begin+5*50_000, makeFrame(mav.Seeds(), id, 5, p))
	}
	return log, err
}

func statusText(text string) (uint32, []byte) {
	return mav.IDStatusText, append([]byte{4}, append([]byte(text), make([]byte, 50)...)[:50]...)
}

func paramValue(name string) (uint32, []byte) {
	const id = 22
	return id, slices.Concat(little(0, 8), append([]byte(name), make([]byte, 16)...)[:16], []byte{9})
}

func timed(us int64, frame []byte) []byte {
	at := little(uint64(us), 8)
	slices.Reverse(at)
	return append(at, frame...)
}

func little(n uint64, bytes int) []byte {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(n >> (8 * i))
	}
	return b
}

// makeFrame makes an unsigned MAVLink 2 frame of system 1, component 1.
func makeFrame(seeds map[uint32]byte, id uint32, sequence uint8, payload []byte) []byte {
	for len(payload) > 1 && payload[len(payload)-1] == 0 {
		payload = payload[:len(payload)-1]
	}
	f := slices.Concat([]byte{0xFD, byte(len(payload)), 0, 0, sequence, 1, 1}, little(uint64(id), 3), payload)
	crc := uint16(0xFFFF) // CRC-16/MCRF4XX
	for _, b := range append(slices.Clone(f[1:]), seeds[id]) {
		x := b ^ byte(crc)
		x ^= x << 4
		crc = crc>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
	}
	return append(f, byte(crc), byte(crc>>8))
}
