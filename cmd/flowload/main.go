// Flowload loads HTTP endpoints, finds their capacity, tests their limits and guards
// them with limits of its own.
package main

import (
	"os"

	"cqkit/cmd/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand())) }
