// Cqbench measures what keys and limits cost on this machine, and whether that got worse.
package main

import (
	"os"

	"cqkit/cmd/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand())) }
