package main

import (
	"github.com/spf13/cobra"
)

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flowload",
		Short: "serve HTTP endpoints of known capacity",
		Long: `Usage:
    flowload serve [--service TIME] [--servers N]

Serves an HTTP endpoint whose capacity is known, to try loads and limits on.`,
		Example: `    $ flowload serve --listen :0 --service 10ms --servers 8 --for 1s`,
	}
	cmd.AddCommand(serveCommand())
	return cmd
}
