//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// become turns this process into a program, which then gets the script's signals.
func become(command []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, command, os.Environ())
}
