// Cqsign seals flight logs, so that no one can later change them unseen.
package main

import (
	"os"

	"cqkit/cmd/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand())) }
