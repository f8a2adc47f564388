package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/bench/link"
	"cqkit/pkg/gcra"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
)

// A mix is telemetry: frames of some lengths, so many of each a second.
type mix struct {
	What    string          // in words
	PerS    float64         // frames
	Lengths map[int]float64 // frames a second, by length in bytes
}

// bytesPerS is what the frames come to.
func (m *mix) bytesPerS() (sum float64) {
	for n, rate := range m.Lengths {
		sum += float64(n) * rate
	}
	return sum
}

// use is what the frames take of a link when each is so many bytes longer.
func (m *mix) use(l *link.Link, more int) (u link.Use) {
	for n, rate := range m.Lengths {
		u = u.Plus(l.Use(link.Event{{Direction: link.Down, Frames: []int{n + more}}}).Times(rate))
	}
	return u
}

// readMix returns the mix that the options ask for.
func (o *linkOptions) readMix() (*mix, error) {
	if o.log == "" {
		rate, err := readRate("--rate", o.rate)
		if err != nil {
			return nil, err
		}
		if o.size < 8 || o.size > 280 {
			return nil, cli.Usagef("--size takes the bytes of a frame, 8 to 280")
		}
		what := fmt.Sprintf("%s frames of %d bytes", o.rate, o.size)
		if rate == 0 {
			what = "no frames"
		}
		return &mix{what, rate, map[int]float64{o.size: rate}}, nil
	}
	in, err := cli.Open(o.cmd, o.log)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	scan, format, err := openLog(in)
	if err != nil {
		return nil, err
	}
	if format != tlog.Timed {
		return nil, fmt.Errorf("%s has no times, so no rate", in.Name)
	}
	counts := map[int]float64{}
	var first, last int64
	n := 0
	for {
		s, err := scan.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if s.Kind != tlog.Record {
			continue
		}
		if n == 0 {
			first, last = s.Time(), s.Time()
		}
		first, last = min(first, s.Time()), max(last, s.Time())
		counts[len(s.Frame())]++
		n++
	}
	seconds := float64(last-first) / 1e6
	if n < 2 || seconds <= 0 {
		return nil, fmt.Errorf("%s has no two records at different times, so no rate", in.Name)
	}
	for length := range counts {
		counts[length] /= seconds
	}
	return &mix{fmt.Sprintf("a log: %s in %s", cli.Count(int64(n), "record"), time.Duration(seconds*1e9).Round(time.Second)), float64(n) / seconds, counts}, nil
}

// openLog finds out which form the log has.
func openLog(r io.Reader) (*tlog.Scanner, tlog.Format, error) {
	head := make([]byte, tlog.HeadSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	seeds := wire.Seeds()
	format := tlog.Detect(head[:n], seeds).Format
	return tlog.NewScanner(io.MultiReader(bytes.NewReader(head[:n]), r), seeds, format), format, nil
}

// readRate reads a rate, or "none".
func readRate(flag, text string) (float64, error) {
	if text == "none" {
		return 0, nil
	}
	r, err := gcra.ParseRate(text)
	if err != nil {
		return 0, cli.Hint(cli.Usagef("%s: %v", flag, err), "try %s 50/s, 6/m or none", flag)
	}
	return r.PerSecond(), nil
}

// readEvery reads a number of records or a time, and returns how often that is with so many records a second.
func readEvery(flag, text string, recordsPerS float64) (float64, error) {
	if text == "none" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(text, 10, 63); err == nil && n > 0 {
		return recordsPerS / float64(n), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, cli.Hint(cli.Usagef("%s takes a number of records or a time", flag), "try %s 1000, 60s or none", flag)
	}
	return 1 / d.Seconds(), nil
}

// readLinks returns the links that are named, or all.
func (o *linkOptions) readLinks() ([]link.Link, error) {
	known := link.Known()
	if len(o.links) == 0 {
		return known, nil
	}
	var names []string
	byName := map[string]link.Link{}
	for _, l := range known {
		byName[l.Name] = l
		names = append(names, l.Name)
	}
	var list []link.Link
	seen := map[string]bool{}
	for _, text := range o.links {
		l, ok := byName[text]
		if !ok {
			bits, err := bitRate(text)
			if err != nil {
				return nil, cli.Hint(cli.Usagef("there is no link %q", text), "there are %s, and bits a second: 19200, 9.6k, 2M", strings.Join(names, ", "))
			}
			l = link.Of("link-"+strings.ReplaceAll(text, "+", ""), bits)
		}
		if seen[l.Name] {
			return nil, cli.Usagef("--link %s is given twice", text)
		}
		seen[l.Name] = true
		list = append(list, l)
	}
	return list, nil
}

// bitRate reads bits a second: digits, a point, and k, M or G.
func bitRate(text string) (float64, error) {
	number := strings.TrimSuffix(text, "bit/s")
	factor := 1.0
	for suffix, f := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if cut, ok := strings.CutSuffix(number, suffix); ok {
			number, factor = cut, f
		}
	}
	if strings.Trim(number, "0123456789.") != "" || len(number) > 20 {
		return 0, errors.New("no rate")
	}
	x, err := strconv.ParseFloat(number, 64)
	if x *= factor; err != nil || x < 1 || x > 1e12 || math.IsNaN(x) {
		return 0, errors.New("no rate")
	}
	return x, nil
}
