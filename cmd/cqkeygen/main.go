// Cqkeygen makes, inspects, converts and protects post-quantum keys.
package main

import (
	"os"

	"cqkit/cmd/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand())) }
