package main

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// largeLogFiles makes a log of about 205 MB, one real log ten times over, seals it and
// edits a copy. It returns the folder, in which are big.tlog, its seal and index,
// edited.tlog and key.pub. It streams: what this process has in memory would count as
// the peak of the processes it starts.
func largeLogFiles(b *testing.B) string {
	b.Helper()
	one, err := os.Open("../../../shared/data/tlogs/big-append-chronological-2012-2021.tlog")
	if err != nil {
		if one, err = os.Open("../../testdata/logs/copter.tlog"); err != nil {
			b.Fatal(err)
		}
	}
	defer one.Close()
	dir := b.TempDir()
	create := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { f.Close() })
		return f
	}
	key, err := keyfile.Generate(keyfile.Sign, keyfile.Comments{})
	if err != nil {
		b.Fatal(err)
	}
	if err := keyfile.WritePublic(filepath.Join(dir, "key.pub"), key.Public(), keyfile.PEM); err != nil {
		b.Fatal(err)
	}
	log := create("big.tlog")
	var size int64
	for size < 205_000_000 {
		one.Seek(0, io.SeekStart)
		n, err := io.Copy(log, one)
		if err != nil {
			b.Fatal(err)
		}
		size += n
	}
	seeds := tlog.NewSeeds(mav.Seeds())
	index := bufio.NewWriter(create("big.tlog.cqidx"))
	data, _, err := seal.Sign(io.NewSectionReader(log, 0, size), seeds,
		seal.SigningKey{Private: key.Signer(), Fingerprint: key.Fingerprint()},
		seal.Options{Signer: "bench", Name: "big.tlog", Index: index, Clock: time.Now, Nonces: new(nonce.Source), Workers: runtime.NumCPU()})
	if err != nil {
		b.Fatal(err)
	}
	index.Flush()
	create("big.tlog.cqseal").Write(data)
	edited := bufio.NewWriter(create("edited.tlog"))
	edit(edited, tlog.NewScanner(io.NewSectionReader(log, 0, size), seeds, tlog.Timed), int(size/37/1001))
	if err := edited.Flush(); err != nil {
		b.Fatal(err)
	}
	return dir
}

// edit copies a log with an edit about every step segments, 1,000 in all: in turn one
// segment changed, a run of up to 40 dropped, copied a second time, and moved behind
// the next.
func edit(w io.Writer, scan *tlog.Scanner, step int) {
	r := rand.New(rand.NewPCG(1, 2))
	next := func(n int) (run []byte) {
		for range n {
			if seg, err := scan.Next(); err == nil {
				run = append(run, seg.Data...)
			}
		}
		return run
	}
	for i := range 1000 {
		for range step - r.IntN(step/2) {
			if seg, err := scan.Next(); err == nil {
				w.Write(seg.Data)
			}
		}
		switch run := next(1 + r.IntN(40)); i % 4 {
		case 0:
			run[len(run)-1] ^= 1
			w.Write(run)
		case 1:
		case 2:
			w.Write(run)
			w.Write(run)
		case 3:
			w.Write(next(20))
			w.Write(run)
		}
	}
	for {
		seg, err := scan.Next()
		if err != nil {
			return
		}
		w.Write(seg.Data)
	}
}

// BenchmarkLarge runs whole processes over a log of 205 MB and 5.5 million records,
// turn by turn: cqverify, unmodified and after 1,000 edits, beside openssl, which only
// hashes. The ratios are those of the fastest runs, which the neighbours disturbed least.
func BenchmarkLarge(b *testing.B) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		b.Skip("no openssl to compare with")
	}
	cqverify := filepath.Join(clitest.Build(b, "cqverify"), "cqverify")
	dir := largeLogFiles(b)
	runs := []struct {
		name string
		args []string
	}{
		{"verify", []string{cqverify, "-k", "key.pub", "-o", os.DevNull, "big.tlog"}},
		{"edited", []string{cqverify, "-k", "key.pub", "-s", "big.tlog.cqseal", "-o", os.DevNull, "--json", "edited.tlog"}},
		{"sha3", []string{openssl, "dgst", "-sha3-256", "big.tlog"}},
		{"sha256", []string{openssl, "dgst", "-sha256", "big.tlog"}},
	}
	wall, cpu, rss := make(map[string]time.Duration), make(map[string]time.Duration), make(map[string]int64)
	for b.Loop() {
		for _, r := range runs {
			cmd := exec.Command(r.args[0], r.args[1:]...)
			cmd.Dir = dir
			start := time.Now()
			cmd.Run() // the edited log ends in exit code 1
			took, state := time.Since(start), cmd.ProcessState
			if code := state.ExitCode(); code != 0 && !(r.name == "edited" && code == 1) {
				b.Fatalf("%s: exit code %d", r.name, code)
			}
			if wall[r.name] == 0 || took < wall[r.name] {
				wall[r.name] = took
			}
			if used := state.UserTime() + state.SystemTime(); cpu[r.name] == 0 || used < cpu[r.name] {
				cpu[r.name] = used
			}
			rss[r.name] = max(rss[r.name], peakBytes(state))
		}
	}
	for _, r := range runs {
		b.ReportMetric(wall[r.name].Seconds(), r.name+"-s")
		b.ReportMetric(cpu[r.name].Seconds(), r.name+"-cpu-s")
	}
	b.ReportMetric(float64(wall["verify"])/float64(wall["sha3"]), "verify/sha3")
	b.ReportMetric(float64(rss["verify"])/1e6, "verify-peak-MB")
	b.ReportMetric(float64(rss["edited"])/1e6, "edited-peak-MB")
	b.ReportMetric(0, "ns/op")
}
