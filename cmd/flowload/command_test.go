package main

import (
	"testing"

	"cqkit/cmd/internal/cli/clitest"
)

func TestMain(m *testing.M) {
	clitest.Main(m, newCommand, clitest.Helper{Name: "probe", Main: probeMain})
}

func TestHelp(t *testing.T) { clitest.Help(t, newCommand) }

// TestScripts runs the scripts, which have probe to talk to what they start.
func TestScripts(t *testing.T) { clitest.Scripts(t) }
