package main

import (
	"github.com/spf13/cobra"
)

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flowload",
		Short: "load HTTP endpoints, and put limits in front of them",
		Long: `Usage:
    flowload run URL -r 500/s | -c 50 | -c auto
    flowload find URL [--slo 'p99<50ms,errors<0.1%']
    flowload limit URL --expect 500/s:burst=50
    flowload compare BASE NEW...
    flowload report FILE...
    flowload guard --upstream URL [--gcra LIMIT] [--vegas]
    flowload serve [--service TIME] [--servers N]

Loads an HTTP endpoint and measures what becomes of each request, finds how much
it can do, tests its rate limit, tells whether a new build is slower; puts
limits in front of an endpoint; and serves one whose capacity is known, to try
all that on.`,
		Example: `    $ flowload serve --listen :0 --service 10ms --servers 8 --for 1s
    $ flowload guard --upstream http://localhost:8080 --gcra 500/s --check`,
	}
	cmd.AddCommand(runCommand(), findCommand(), limitCommand(), compareCommand(), reportCommand(), guardCommand(), serveCommand())
	return cmd
}
