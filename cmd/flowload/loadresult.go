package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/load"
)

// settings returns the flags that were given, for the result. None has a secret.
func settings(cmd *cobra.Command, loopOnly ...string) (list []load.Setting) {
	for _, name := range append(loopOnly, "method", "timeout", "warmup", "connections", "ok", "redirects", "http2", "close", "targets", "unix", "resolve", "max-errors", "templates") {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			list = append(list, load.Setting{Name: name, Value: f.Value.String()})
		}
	}
	return list
}

// finish judges a result, saves it and prints it, and returns what makes the exit code.
func (o *requestOptions) finish(cmd *cobra.Command, reports *cli.Reports, r *load.Result, interrupted error) error {
	failing, required, err := parseThresholds(o.fail, o.require, o.slo)
	if err != nil {
		return cli.Usage(err)
	}
	r.Judge(failing, required)
	var errs []error
	if o.save != "" {
		errs = append(errs, saveResult(cmd, o.save, r))
	}
	if o.proxy == "" && (os.Getenv("HTTP_PROXY") != "" || os.Getenv("http_proxy") != "") {
		cli.Warn(cmd, "HTTP_PROXY is set and not used; add --proxy env to use it")
	}
	errs = append(errs, writeResults(cmd, reports, []namedResult{{"", r}}, false), interrupted)
	switch {
	case len(r.Status) == 0 && interrupted == nil:
		errs = append(errs, cli.Hint(noAnswer(r), "nothing was ever answered; see whether it runs, and the address"))
	default:
		errs = append(errs, verdictError(r))
	}
	return errors.Join(errs...)
}

// noAnswer says what became of requests of which none was answered.
func noAnswer(r *load.Result) error {
	for i, n := range r.Requests.Outcomes {
		if text := r.Examples[load.Outcome(i)]; n > 0 && text != "" {
			return fmt.Errorf("%s: %s", r.Target, text)
		}
	}
	return fmt.Errorf("%s: no answer", r.Target)
}

// saveResult writes a result to a new file.
func saveResult(cmd *cobra.Command, name string, r *load.Result) error {
	data, err := r.AppendBinary(nil)
	if err != nil {
		return err
	}
	out, err := cli.Create(cmd, name, cli.CreateOptions{Force: true})
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, bytes.NewReader(data)); err != nil {
		return err
	}
	return out.Commit()
}

// collectOften keeps a long run small: it allocates little but the histograms of its seconds, so
// that collecting at every half more of them costs nothing.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
