package wire

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cqkit/pkg/chunk"
	"cqkit/pkg/mav"
	"cqkit/pkg/pqsig"
	"cqkit/pkg/tlog"
)

// realLogs calls f with each log that is there: the one of the module, and those of a
// shared folder beside the module.
func realLogs(t *testing.T, f func(t *testing.T, name string, log []byte)) {
	t.Helper()
	files, err := filepath.Glob("../../../shared/data/tlogs/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "../../testdata/logs/copter.tlog") {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() || strings.HasSuffix(file, ".md") || testing.Short() && info.Size() > 1<<20 {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			log, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f(t, filepath.Base(file), log)
		})
	}
}

// some chooses every nth of the state-changing frames, to save time.
func some(n int) func(tlog.Frame) bool {
	i := 0
	return func(f tlog.Frame) bool {
		if !StateChanging(f) {
			return false
		}
		i++
		return i%n == 0
	}
}

func signLog(t testing.TB, log []byte, key byte, wanted func(tlog.Frame) bool) ([]byte, *SignSummary) {
	t.Helper()
	k := newKey(t, key)
	var out bytes.Buffer
	sum, err := SignLog(&out, bytes.NewReader(log), Seeds(), k, FingerprintOf(k.Public()), SignOptions{Wanted: wanted})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Bytes != int64(len(log)) || sum.Written != int64(out.Len()) {
		t.Errorf("the summary has %d bytes in and %d out, of %d and %d", sum.Bytes, sum.Written, len(log), out.Len())
	}
	return out.Bytes(), sum
}

func judge(t testing.TB, log []byte, o JudgeOptions) *Judgement {
	t.Helper()
	if o.Keys == nil {
		o.Keys = known(newKey(t, 1).Public())
	}
	j, err := JudgeLog(bytes.NewReader(log), Seeds(), o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// known returns the keys given, whatever the time.
func known(keys ...*pqsig.PublicKey) func(Fingerprint, int64) (*pqsig.PublicKey, error) {
	byID := Keys(keys...)
	return func(f Fingerprint, _ int64) (*pqsig.PublicKey, error) { return byID(f), nil }
}

// want checks the summary, given as verdicts and numbers.
func (j *Judgement) want(t testing.TB, counts map[Verdict]int64) {
	t.Helper()
	for _, v := range Verdicts() {
		if j.Summary[v] != counts[v] {
			t.Errorf("%d %s, want %d", j.Summary[v], v, counts[v])
		}
	}
	listed := map[Verdict]int64{}
	for _, f := range j.Findings {
		listed[f.Verdict]++
	}
	for _, v := range Verdicts() {
		if listed[v] != j.Summary[v] {
			t.Errorf("%d %s are listed, but the summary has %d", listed[v], v, j.Summary[v])
		}
	}
}

// TestRealLogs signs real logs, of which every tenth command to save time, and judges
// them.
func TestRealLogs(t *testing.T) {
	realLogs(t, func(t *testing.T, name string, log []byte) {
		n := 1
		if probe := judge(t, log, JudgeOptions{}); probe.Summary[Unsigned] > 400 {
			n = int(probe.Summary[Unsigned] / 200)
		}
		signed, sum := signLog(t, log, 1, some(n))
		j := judge(t, signed, JudgeOptions{Wanted: some(n)})
		j.want(t, map[Verdict]int64{Authentic: sum.Commands})
		if j.Recaptured != 0 || j.Chunks != sum.Chunks {
			t.Errorf("recaptured %d, chunks %d of %d", j.Recaptured, j.Chunks, sum.Chunks)
		}
		for i, f := range j.Findings {
			if f.Nonce != uint64(i+1) || f.Time != f.SignedTime || f.Index != int64(f.Record)+int64(countChunks(f.Index, j, i)) {
				t.Fatalf("finding %d: %+v", i, f)
			}
		}
		// without the chunks it is the log as it was, and cut as it was
		var bare bytes.Buffer
		plain := cut(t, log)
		i := 0
		for _, s := range cut(t, signed) {
			if s.id == chunk.MessageID {
				continue
			}
			if i >= len(plain) || plain[i].data != s.data || plain[i].kind != s.kind {
				t.Fatalf("segment %d is cut differently", i)
			}
			bare.WriteString(s.data)
			i++
		}
		if !bytes.Equal(bare.Bytes(), log) {
			t.Error("the log was changed")
		}
	})
}

// countChunks is how many records stand before a finding that are chunks of those
// before it.
func countChunks(_ int64, j *Judgement, i int) (n int) {
	for _, f := range j.Findings[:i] {
		n += f.Chunks
	}
	return n
}

type cutting struct {
	data string
	kind tlog.Kind
	id   uint32
}

func cut(t testing.TB, log []byte) []cutting {
	t.Helper()
	return cutAs(t, log, tlog.Detect(log[:min(len(log), tlog.HeadSize)], Seeds()).Format)
}

func cutAs(t testing.TB, log []byte, format tlog.Format) []cutting {
	t.Helper()
	scan := tlog.NewSliceScanner(log, Seeds(), format)
	var list []cutting
	for {
		seg, err := scan.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		c := cutting{data: string(seg.Data), kind: seg.Kind}
		if seg.Kind == tlog.Record {
			c.id = seg.Frame().ID()
		}
		list = append(list, c)
	}
}

// TestChosenMessages signs what changes nothing, because it was asked for.
func TestChosenMessages(t *testing.T) {
	log, err := os.ReadFile("../../testdata/logs/copter.tlog")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	signed, sum := signLog(t, log, 1, func(f tlog.Frame) bool {
		if f.ID() != mav.IDHeartbeat {
			return false
		}
		n++
		return n%20 == 0
	})
	if sum.Commands == 0 || sum.ByMessage[mav.IDHeartbeat] != sum.Commands {
		t.Fatalf("%+v", sum)
	}
	unsigned := judge(t, log, JudgeOptions{}).Summary[Unsigned]
	judge(t, signed, JudgeOptions{}).want(t, map[Verdict]int64{Authentic: sum.Commands, Unsigned: unsigned})
}
