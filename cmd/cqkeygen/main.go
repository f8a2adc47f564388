// Cqkeygen makes, inspects, converts, protects and revokes post-quantum keys.
package main

import (
	"os"

	"cqkit/cmd/internal/cli"
)

func main() { os.Exit(cli.Main(newCommand())) }
