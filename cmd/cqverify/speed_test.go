package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/nonce"
	"cqkit/pkg/seal"
	"cqkit/pkg/tlog"
)

// largeLogFiles makes a log of about 205 MB, one real log ten times over, and seals it.
// It returns the folder, in which are big.tlog, its seal and index, and key.pub.
func largeLogFiles(b *testing.B) string {
	b.Helper()
	one, err := os.ReadFile("../../../shared/data/tlogs/big-append-chronological-2012-2021.tlog")
	times := 10
	if err != nil {
		if one, err = os.ReadFile("../../testdata/logs/copter.tlog"); err != nil {
			b.Fatal(err)
		}
		times = 205_000_000 / len(one)
	}
	log := bytes.Repeat(one, times)
	dir := b.TempDir()
	key, err := keyfile.Generate(keyfile.Sign, keyfile.Comments{})
	if err != nil {
		b.Fatal(err)
	}
	if err := keyfile.WritePublic(filepath.Join(dir, "key.pub"), key.Public(), keyfile.PEM); err != nil {
		b.Fatal(err)
	}
	index := new(bytes.Buffer)
	data, _, err := seal.Sign(bytes.NewReader(log), tlog.NewSeeds(mav.Seeds()),
		seal.SigningKey{Private: key.Signer(), Fingerprint: key.Fingerprint()},
		seal.Options{Signer: "bench", Name: "big.tlog", Index: index, Clock: time.Now, Nonces: new(nonce.Source), Workers: runtime.NumCPU()})
	if err != nil {
		b.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"big.tlog": log, "big.tlog.cqseal": data, "big.tlog.cqidx": index.Bytes(), "edited.tlog": edited(log),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// edited returns a log with 1,000 random edits: records changed, dropped, inserted and
// moved, in runs of up to 40.
func edited(log []byte) []byte {
	scan := tlog.NewSliceScanner(log, tlog.NewSeeds(mav.Seeds()), tlog.Timed)
	var ends []int
	for {
		seg, err := scan.Next()
		if err != nil {
			break
		}
		ends = append(ends, int(seg.Offset)+len(seg.Data))
	}
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]byte, 0, len(log)+1<<20)
	at := 0 // segments copied
	segment := func(from, to int) []byte { return log[ends[from]:ends[to]] }
	step := len(ends) / 1001
	for i := range 1000 {
		place := (i+1)*step - r.IntN(step/2)
		out = append(out, segment(at, place)...)
		n := 1 + r.IntN(40)
		switch i % 4 {
		case 0: // changed
			changed := bytes.Clone(segment(place, place+1))
			changed[len(changed)-1] ^= 1
			out = append(out, changed...)
			at = place + 1
		case 1: // dropped
			at = place + n
		case 2: // copied from elsewhere
			from := r.IntN(len(ends) - 50)
			out = append(out, segment(from, from+n)...)
			at = place
		case 3: // two runs swapped
			out = append(out, segment(place+n, place+2*n)...)
			out = append(out, segment(place, place+n)...)
			at = place + 2*n
		}
	}
	return append(out, log[ends[at]:]...)
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
	debug.FreeOSMemory() // a child's peak begins with what its parent has in memory
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
