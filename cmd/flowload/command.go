package main

import (
	"github.com/spf13/cobra"
)

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flowload",
		Short: "load HTTP endpoints, and put limits in front of them",
		Long: `Usage:
    flowload compare BASE NEW...
    flowload guard --upstream URL [--gcra LIMIT] [--vegas]
    flowload report FILE...
    flowload serve [--service TIME] [--servers N]

Puts limits in front of an HTTP endpoint, and serves one whose capacity is known
to try them on.`,
		Example: `    $ flowload serve --listen :0 --service 10ms --servers 8 --for 1s
    $ flowload guard --upstream http://localhost:8080 --gcra 500/s --check`,
	}
	cmd.AddCommand(compareCommand(), guardCommand(), limitCommand(), reportCommand(), serveCommand())
	return cmd
}
