//go:build unix

package cqkit_test

import (
	"os/exec"
	"syscall"
)

// ownSession takes the terminal from a command, so that one that would ask for a
// passphrase fails instead of asking whoever runs the tests.
func ownSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
