package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cqkit/cmd/internal/cli/clitest"
	"cqkit/pkg/chunk"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
	"cqkit/pkg/wire"
	"cqkit/pkg/wire/cleitonq"
)

// makeCommands makes a log with n commands from 255/190, one a second among telemetry:
// arming, modes and parameters in turn.
func makeCommands(n int) [][]byte {
	seeds := mav.Seeds()
	flight, err := makeLog("flight", 20*n, 1)
	if err != nil {
		panic(err)
	}
	var log [][]byte
	for i, record := range flight {
		log = append(log, record)
		if i%20 != 10 {
			continue
		}
		k := i / 20
		id, payload := uint32(mav.IDCommandLong), make([]byte, 33)
		switch k % 3 {
		case 0:
			copy(payload, []byte{0, 0, 0x80, 0x3f, byte(k)})
			copy(payload[28:], []byte{400 & 0xFF, 400 >> 8, 1, 1})
		case 1:
			id, payload = 11, []byte{byte(k), 0, 0, 0, 1, 1}
		case 2:
			id, payload = 23, slices.Concat(little(uint64(k), 4), []byte("\x01\x01WPNAV_SPEED\x00\x00\x00\x00\x00\x09"))
		}
		f := makeFrame(seeds, id, uint8(k), payload)
		f[5], f[6] = 255, 190
		log = append(log, timed(tlog.Time(record)+1_000, mended(f)))
	}
	return log
}

// mended is a frame with the checksum it ought to have.
func mended(f []byte) []byte {
	frame := tlog.Frame(f)
	seed := mav.Seeds()[frame.ID()]
	if frame.ID() == chunk.MessageID {
		seed = chunk.CRCExtra
	}
	crc := uint16(0xFFFF)
	for _, b := range append(bytes.Clone(f[1:len(f)-2]), seed) {
		x := b ^ byte(crc)
		x ^= x << 4
		crc = crc>>8 ^ uint16(x)<<8 ^ uint16(x)<<3 ^ uint16(x)>>4
	}
	f[len(f)-2], f[len(f)-1] = byte(crc), byte(crc>>8)
	return f
}

const commandlogUsage = `usage: commandlog make N OUT           a log with N commands, one each second
       commandlog flip RECORD AT IN OUT  change a byte of a frame and mend its checksum
       commandlog v1 KEY IN OUT          sign each command in CleitonQ's format
`

// commandlog is a program for scripts.
func commandlog(args []string) int {
	if err := editCommands(args); err != nil {
		fmt.Fprintf(os.Stderr, "commandlog: %v\n", err)
		return 1
	}
	return 0
}

func editCommands(args []string) error {
	var log [][]byte
	switch {
	case len(args) == 3 && args[0] == "make":
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		log = makeCommands(n)
	case len(args) == 5 && args[0] == "flip":
		r, err1 := strconv.Atoi(args[1])
		at, err2 := strconv.Atoi(args[2])
		var err error
		if log, err = readRecords(args[3]); err != nil || err1 != nil || err2 != nil {
			return errors.Join(err, err1, err2)
		}
		f := bytes.Clone(log[r])
		f[tlog.TimeSize+at] ^= 1
		log[r] = append(f[:tlog.TimeSize:tlog.TimeSize], mended(f[tlog.TimeSize:])...)
	case len(args) == 4 && args[0] == "v1":
		private, err := keyfile.ReadPrivate(args[1], nil)
		if err != nil {
			return err
		}
		plain, err := readRecords(args[2])
		if err != nil {
			return err
		}
		for _, r := range plain {
			log = append(log, r)
			f := tlog.Frame(r[tlog.TimeSize:])
			if !wire.StateChanging(f) {
				continue
			}
			c := cleitonq.SignedCommand{MessageID: uint16(f.ID()), TargetSystem: 1, TargetComponent: 1, Nonce: uint64(tlog.Time(r)), Payload: f.Payload()}
			if err := c.Sign(cleitonq.Deterministic(private.Signer())); err != nil {
				return err
			}
			message, err := c.Append(nil)
			if err != nil {
				return err
			}
			chunks, err := chunk.Cut(chunk.Chunk{Token: uint16(c.Nonce), TargetSystem: 1, TargetComponent: 1, Type: chunk.SignedCommand}, message)
			if err != nil {
				return err
			}
			for i := range chunks {
				log = append(log, chunks[i].AppendFrame(bytes.Clone(r[:tlog.TimeSize]), uint8(i), f.System(), f.Component()))
			}
		}
	default:
		return errors.New(commandlogUsage)
	}
	return os.WriteFile(args[len(args)-1], slices.Concat(log...), 0o644)
}

// commandFiles makes the logs that the golden cases name, in a folder of its own.
func commandFiles(t *testing.T) {
	t.Helper()
	s, dir := newSealer(t), t.TempDir()
	t.Chdir(dir)
	put(t, "pilot.pub", publicKey(t, s.key, "pilot-7"))
	key, err := s.key.Marshal(keyfile.PEM, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("pilot.key", key, 0o600); err != nil {
		t.Fatal(err)
	}
	plain := makeCommands(12)
	put(t, "plain.tlog", plain...)
	var signed bytes.Buffer
	private := s.key.Signer()
	if _, err := wire.SignLog(&signed, bytes.NewReader(slices.Concat(plain...)), wire.Seeds(), cleitonq.Deterministic(private),
		wire.FingerprintOf(private.Public()), wire.SignOptions{Origin: wire.Origin{1}}); err != nil {
		t.Fatal(err)
	}
	put(t, "signed.tlog", signed.Bytes())
	if err := editCommands([]string{"v1", "pilot.key", "plain.tlog", "v1.tlog"}); err != nil {
		t.Fatal(err)
	}
	log, err := readRecords("signed.tlog")
	if err != nil {
		t.Fatal(err)
	}
	var at []int // the commands' frames
	for i, r := range log {
		if f := tlog.Frame(r[tlog.TimeSize:]); wire.StateChanging(f) {
			at = append(at, i)
		}
	}
	edited := slices.Clone(log)
	frame := bytes.Clone(log[at[1]])
	frame[tlog.TimeSize+10] ^= 1
	edited[at[1]] = append(frame[:tlog.TimeSize:tlog.TimeSize], mended(frame[tlog.TimeSize:])...) // altered
	part := bytes.Clone(log[at[2]+3])
	part[tlog.TimeSize+60] ^= 1
	edited[at[2]+3] = append(part[:tlog.TimeSize:tlog.TimeSize], mended(part[tlog.TimeSize:])...) // forged
	edited = append(edited, later(log[at[5]:at[5]+22], 20_000_000)...)                            // replayed
	edited = slices.Delete(edited, at[8]+1, at[8]+22)                                             // unsigned
	edited = slices.Delete(edited, at[7]+4, at[7]+6)                                              // incomplete
	edited = slices.Delete(edited, at[6], at[6]+1)                                                // orphaned
	put(t, "edited.tlog", edited...)
	put(t, "relayed.tlog", later(log, 3600_000_000)...)
	put(t, "logs/1.tlog", signed.Bytes())
	put(t, "logs/2.tlog", edited...)
	if err := os.Mkdir("logs/3.tlog", 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, "rival.pub", publicKey(t, rivalKey(t), "rival"))
	s.seal(slices.Concat(edited...), "edited.tlog.cqseal", "edited.tlog", 0, true)
}

func rivalKey(t *testing.T) *keyfile.Private {
	t.Helper()
	k, err := keyfile.Generate(keyfile.Sign, keyfile.Comments{})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// later returns records at a later time.
func later(log [][]byte, us int64) [][]byte {
	list := make([][]byte, len(log))
	for i, r := range log {
		list[i] = timed(tlog.Time(r)+us, r[tlog.TimeSize:])
	}
	return list
}

// TestCommandsGolden compares reports with those kept under testdata/commands, and JSON
// with its schema.
func TestCommandsGolden(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the golden files have Unix's file names and error messages")
	}
	golden, err := filepath.Abs(filepath.Join("testdata", "commands"))
	if err != nil {
		t.Fatal(err)
	}
	schemas := compileSchemas(t)
	commandFiles(t)
	for _, tt := range []goldenCase{
		{"signed", "commands -k pilot.pub --require-signed signed.tlog", 0, "cqverify-commands", ""},
		{"edited", "commands -k pilot.pub edited.tlog", 1, "cqverify-commands", "table markdown csv json junit"},
		{"rival", "commands -k rival.pub signed.tlog", 1, "cqverify-commands", "table json"},
		{"plain", "commands -k pilot.pub plain.tlog", 0, "cqverify-commands", "table json junit"},
		{"plain-required", "commands -k pilot.pub --require-signed plain.tlog", 1, "cqverify-commands", "junit"},
		{"v1-ignored", "commands -k pilot.pub v1.tlog", 0, "cqverify-commands", "table"},
		{"v1", "commands -k pilot.pub --v1 v1.tlog", 0, "cqverify-commands", "table json"},
		{"relayed", "commands -k pilot.pub relayed.tlog", 0, "cqverify-commands", "table json"},
		{"several", "commands -k pilot.pub signed.tlog edited.tlog none.tlog", 3, "cqverify-commands-logs", "table markdown csv json junit"},
		{"sealed", "-k pilot.pub edited.tlog", 0, "cqverify-verdict", "table markdown json junit"},
	} {
		formats := strings.Fields(tt.formats)
		if len(formats) == 0 {
			formats = []string{"table", "json"}
		}
		for _, format := range formats {
			file := tt.name + extensions[format]
			t.Run(file, func(t *testing.T) {
				code, got, stderr := run(context.Background(), nil, append(strings.Fields(tt.args), "--format", format)...)
				if code != tt.code {
					t.Fatalf("exit code %d, want %d\n%s", code, tt.code, stderr)
				}
				if format == "json" {
					validate(t, schemas[tt.schema], got)
				}
				if format == "table" {
					checkWidth(t, got)
				}
				compareGolden(t, filepath.Join(golden, file), withoutRandom(got))
			})
		}
	}
}

// TestCommandsInTheBrowser looks at the pages: of commands, and of a verdict with them.
func TestCommandsInTheBrowser(t *testing.T) {
	chromium := browser(t)
	commandFiles(t)
	for _, args := range []string{"commands -k pilot.pub edited.tlog", "-k pilot.pub edited.tlog", "commands -k pilot.pub logs"} {
		code, page, stderr := run(context.Background(), nil, append(strings.Fields(args), "--format", "html")...)
		if code != 0 && code != 1 && code != 3 {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		file := filepath.Join(t.TempDir(), "page.html")
		put(t, file, []byte(page))
		dom := string(visit(t, chromium, file, "--dump-dom"))
		for _, want := range []string{"forged", "orphaned", "replayed", "altered", "the frame it speaks of is gone"} {
			if !strings.Contains(dom, want) {
				t.Errorf("%s: the page does not say %q", args, want)
			}
		}
		for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if !strings.Contains(page, `id="`+link[1]+`"`) {
				t.Errorf("%s: a link leads to %q, which is nowhere", args, link[1])
			}
		}
	}
}

// TestRealCommands signs real logs as a user would, plays them through the checks of
// this program, and finds no more losses or anomalies in them than before.
func TestRealCommands(t *testing.T) {
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"copter-mixed-v1v2-2024.tlog", "multi-vehicle-interleaved-2025.tlog", "arduplane-vtol-v1-2018.tlog", "copter-mp-v1-2018-mission1.rlog"} {
		path := filepath.Join(root, "..", "shared", "data", "tlogs", name)
		log, err := os.ReadFile(path)
		if err != nil {
			t.Skipf("without the real logs: %v", err)
		}
		t.Run(name, func(t *testing.T) {
			s := newSealer(t)
			private := s.key.Signer()
			t.Chdir(t.TempDir())
			put(t, "pilot.pub", publicKey(t, s.key, ""))
			put(t, "plain.tlog", log)
			var signed bytes.Buffer
			n := 0
			sum, err := wire.SignLog(&signed, bytes.NewReader(log), wire.Seeds(), private, wire.FingerprintOf(private.Public()), wire.SignOptions{
				Wanted: func(f tlog.Frame) bool { n++; return wire.StateChanging(f) && n%5 == 0 },
			})
			if err != nil || sum.Commands == 0 {
				t.Fatal(sum, err)
			}
			put(t, "signed.tlog", signed.Bytes())
			if code, out, stderr := run(t.Context(), nil, "commands", "-k", "pilot.pub", "signed.tlog"); code != 0 {
				t.Errorf("exit code %d\n%s%s", code, out, stderr)
			}
			anomalies := regexp.MustCompile(`"kind": "[a-z_]+"`)
			_, before, _ := run(t.Context(), nil, "replay", "--json", "plain.tlog")
			_, after, _ := run(t.Context(), nil, "replay", "--json", "signed.tlog")
			if b, a := anomalies.FindAllString(before, -1), anomalies.FindAllString(after, -1); !slices.Equal(a, b) {
				t.Errorf("replay finds %v, in the log without statements %v", a, b)
			}
			lost := regexp.MustCompile(`"sequence_(gaps|lost)": [0-9]+`)
			_, before, _ = run(t.Context(), nil, "info", "--json", "plain.tlog")
			_, after, _ = run(t.Context(), nil, "info", "--json", "signed.tlog")
			if b, a := lost.FindAllString(before, -1), lost.FindAllString(after, -1); !slices.Equal(a, b) {
				t.Errorf("info finds %v, in the log without statements %v", a, b)
			}
		})
	}
}
