//go:build !unix

package cqkit_test

import "os/exec"

// ownSession does nothing: only Unix has sessions with a terminal.
func ownSession(*exec.Cmd) {}
