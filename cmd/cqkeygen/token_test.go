//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cqkit/cmd/internal/cli/clitest"
)

// TestToken keeps a seed in a SoftHSM token, seals a log with it, and judges the seal.
func TestToken(t *testing.T) {
	module := "/usr/lib/softhsm/libsofthsm2.so"
	_, errModule := os.Stat(module)
	_, errTool := exec.LookPath("pkcs11-tool")
	if errModule != nil || errTool != nil {
		if os.Getenv("CQKIT_REQUIRE") == "all" {
			t.Fatal(errModule, errTool)
		}
		t.Skip("SoftHSM or OpenSC is not installed: apt-get install softhsm2 opensc")
	}
	root, err := clitest.Root()
	if err != nil {
		t.Fatal(err)
	}
	bin := clitest.Build(t, "cqsign", "cqverify")
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf"))
	t.Setenv("FLEET_PIN", "7391")
	for name, text := range map[string]string{
		"softhsm2.conf": "directories.tokendir = " + dir + "\nobjectstore.backend = file\nlog.level = ERROR\n",
		"pin":           "7391\n",
		"wrong":         "1937\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"--init-token", "--slot-index", "0", "--label", "fleet", "--so-pin", "12345678"},
		{"--token-label", "fleet", "--login", "--login-type", "so", "--so-pin", "12345678", "--init-pin", "--pin", "7391"},
	} {
		if out, err := exec.Command("pkcs11-tool", append([]string{"--module", module}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	uri := func(object, pin string) string {
		return fmt.Sprintf("pkcs11:token=fleet;object=%s?module-path=%s&pin-source=%s", object, module, pin)
	}
	pilot := uri("pilot-7", "env:FLEET_PIN")
	for _, c := range []struct {
		code   int
		args   []string
		stderr string
	}{
		{0, []string{"-o", pilot}, `the seed is "pilot-7" in token "fleet"`},
		{3, []string{"-o", pilot}, "keys are never overwritten"},
		{0, []string{"public", uri("pilot-7", "file:pin"), "-o", "pilot-7.pub"}, ""},
		{0, []string{"root", "-o", uri("root", "pin")}, ""},
		{0, []string{"revoke", "-k", uri("root", "pin"), "--new", "--key", "pilot-7.pub", "-o", "fleet.revoked"}, "has 1 step"},
		{2, []string{"revoke", "-k", uri("root", "pin"), "--key", "pilot-7.pub"}, "name the list with -o"},
		{3, []string{"public", uri("pilot-7", "file:wrong")}, "refuses the PIN"},
		{3, []string{"public", uri("pilot-7", "env:NOWHERE")}, `"NOWHERE" is not set`},
		{3, []string{"public", uri("pilot-8", "pin")}, "no such object"},
		{2, []string{"-o", uri("x", "pin") + "&pin-value=7391"}, "does not belong into a command line"},
		{2, []string{"-o", uri("x", "pin"), "--label", "x"}, "labelled by its object's name"},
		{2, []string{"-o", uri("x", "pin"), "--passphrase"}, "protected by the token's PIN"},
		{2, []string{"-o", uri("x", "pin"), "--encoding", "raw"}, "one encoding only"},
		{2, []string{"hybrid", "-o", uri("x", "pin")}, "two keys"},
	} {
		code, stdout, stderr := run(context.Background(), nil, c.args...)
		if code != c.code || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%q: exit %d, want %d\n%s%s", c.args, code, c.code, stdout, stderr)
		}
		if strings.Contains(stdout+stderr, "7391") {
			t.Errorf("%q: the PIN is printed", c.args)
		}
	}

	log, err := os.ReadFile(filepath.Join(root, "testdata", "logs", "copter.tlog"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("flight.tlog", log, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"cqsign", "-k", pilot, "flight.tlog"},
		{"cqverify", "-k", "pilot-7.pub", "flight.tlog"},
	} {
		out, err := exec.Command(filepath.Join(bin, args[0]), args[1:]...).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("7391")) {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}
