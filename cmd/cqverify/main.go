// Cqverify judges flight logs against their seals, offline.
package main

import (
	"os"

	"cqkit/cmd/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand())) }
