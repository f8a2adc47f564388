package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cqkit/cmd/internal/cli/clitest"
)

func TestMain(m *testing.M) {
	if program := filepath.Base(os.Args[0]); strings.TrimSuffix(program, ".exe") == "probe" {
		os.Exit(probeMain(os.Args[1:]))
	}
	clitest.Main(m, newCommand)
}

func TestHelp(t *testing.T) { clitest.Help(t, newCommand) }

// TestScripts runs the scripts, which have probe to talk to what they start.
func TestScripts(t *testing.T) {
	bin := clitest.Build(t)
	installProbe(t, bin)
	t.Setenv("PATH", os.Getenv("PATH")+string(filepath.ListSeparator)+bin)
	clitest.Scripts(t)
}
