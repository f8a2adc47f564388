package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/report"
	"cqkit/pkg/trust"
)

func inspectCommand() *cobra.Command {
	var passphrase bool
	var passphraseFile string
	cmd := &cobra.Command{
		Use:   "inspect FILE...",
		Short: "say what key files are",
		Long: `Usage:
    cqkeygen inspect FILE...

Checks each key file and says what it is: private or public, its kind, its
fingerprint, whether a passphrase protects it, its label and when it was made.
No secret is printed. "-" is standard input.

A protected key is not opened unless its passphrase is asked for: until then its
kind and fingerprint are what the file claims, and are marked with "?". Nothing
vouches for label and date.

Options:
    -o, --output FILE           write the report to FILE
        --force                 replace FILE if it exists
        --format FORMAT         table (the default), markdown, csv or json
        --json                  short for --format json
        --passphrase            ask for the passphrase of each protected key
        --passphrase-file FILE  read the passphrase of protected keys from FILE`,
		Example: `    $ cqkeygen inspect pilot-7.pub
    $ cqkeygen inspect --json pilot-7.key drone-3.key`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Hint(errors.New("no key file given"), `name one, or "-" for standard input`)
			}
			return nil
		},
	}
	reports := cli.AddReportFlags(cmd, report.Table, report.Markdown, report.CSV, report.JSON)
	cmd.Flags().BoolVar(&passphrase, "passphrase", false, "ask for the passphrase of each protected key")
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "read the passphrase of protected keys from this file")
	cmd.MarkFlagsMutuallyExclusive("passphrase", "passphrase-file")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := declare(cmd, append([]string{passphraseFile}, args...)...); err != nil {
			return err
		}
		open, err := inspectPassphrase(cmd, passphrase, passphraseFile)
		if err != nil {
			return err
		}
		keys, failed := inspectAll(cmd, args, open)
		if len(keys) > 0 {
			err = reports.Write(cmd, func(w io.Writer, style report.Style) error {
				return writeKeys(w, reports.Format, style, keys)
			})
		}
		return errors.Join(failed, err)
	}
	return cmd
}

// inspectPassphrase returns what opens a protected key of a given name, nil for
// a key that is not to be opened. A file is read once for all keys.
func inspectPassphrase(cmd *cobra.Command, ask bool, file string) (func(name string) keyfile.PassphraseFunc, error) {
	switch {
	case file != "":
		pass, err := readPassphrase(cmd, file)
		if err != nil {
			return nil, err
		}
		return func(string) keyfile.PassphraseFunc {
			return func() ([]byte, error) { return append([]byte(nil), pass...), nil }
		}, nil
	case ask:
		return func(name string) keyfile.PassphraseFunc { return cli.PassphraseFunc(cmd, name, "") }, nil
	}
	return func(string) keyfile.PassphraseFunc { return nil }, nil
}

// inspected is one key in the JSON report; see docs/schema/cqkeygen-inspect.json.
type inspected struct {
	File        string `json:"file"`
	Private     bool   `json:"private"`
	Kind        string `json:"kind,omitempty"`
	Algorithm   string `json:"algorithm,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Known       bool   `json:"known"`
	Encoding    string `json:"encoding"`
	Protected   bool   `json:"protected"`
	Protection  string `json:"protection,omitempty"`
	Label       string `json:"label,omitempty"`
	Created     string `json:"created,omitempty"`
	Mode        string `json:"mode,omitempty"`
}

// inspectAll inspects what can be inspected and complains about the rest.
func inspectAll(cmd *cobra.Command, names []string, open func(string) keyfile.PassphraseFunc) (keys []inspected, failed error) {
	for _, name := range names {
		if err := cmd.Context().Err(); err != nil {
			return keys, errors.Join(failed, err)
		}
		info, mode, err := inspect(cmd, name, open(name))
		if err != nil {
			if data, rerr := keyring.Read(name); rerr == nil && (trust.IsFile(data) || trust.IsList(data)) {
				err = cli.Hint(err, "show what is in it with %q", "cqkeygen trust show "+name)
			}
			failed = errors.Join(failed, cli.Report(cmd, hinted(err)))
			continue
		}
		keys = append(keys, newInspected(name, info, mode))
		var loose *keyfile.ModeError
		if err := keyfile.CheckMode(name, info.Private, mode); errors.As(err, &loose) {
			cli.Warn(cmd, "%v", loose)
		}
	}
	return keys, failed
}

func inspect(cmd *cobra.Command, name string, pass keyfile.PassphraseFunc) (keyfile.Info, fs.FileMode, error) {
	if name != "-" {
		return keyfile.InspectFile(name, pass)
	}
	data, err := readStdin(cmd)
	if err != nil {
		return keyfile.Info{}, 0, err
	}
	defer clear(data)
	info, err := keyfile.Inspect(data, pass)
	return info, 0, onStdin(err)
}

func newInspected(name string, info keyfile.Info, mode fs.FileMode) inspected {
	k := inspected{
		File:        name,
		Private:     info.Private,
		Fingerprint: info.Fingerprint,
		Known:       info.Known,
		Encoding:    info.Encoding.String(),
		Protected:   info.Protection != "",
		Protection:  info.Protection,
		Label:       info.Label,
	}
	if info.Kind != 0 {
		k.Kind, k.Algorithm = info.Kind.String(), info.Kind.Algorithm()
	}
	if !info.Created.IsZero() {
		k.Created = info.Created.UTC().Format(time.RFC3339)
	}
	if mode.IsRegular() && name != "-" {
		k.Mode = fmt.Sprintf("%04o", mode.Perm())
	}
	return k
}

// writeKeys prints the report.
func writeKeys(w io.Writer, format report.Format, style report.Style, keys []inspected) error {
	switch format {
	case report.JSON:
		return report.WriteJSON(w, struct {
			Keys []inspected `json:"keys"`
		}{keys})
	case report.CSV:
		return csvOf(keys).WriteCSV(w)
	case report.Markdown:
		return pageOf(keys).WriteMarkdown(w)
	}
	return pageOf(keys).WriteText(w, style)
}

// pageOf is the report for people. A table would not do: a fingerprint alone has
// 50 characters.
func pageOf(keys []inspected) *report.Page {
	p := &report.Page{}
	for _, k := range keys {
		fields := report.Fields{
			{Name: "file", Value: report.String(k.File)},
			{Name: "key", Value: report.String(k.half())},
			{Name: "fingerprint", Value: report.String(k.claim(k.Fingerprint))},
		}
		if k.Private {
			fields = append(fields, report.Field{Name: "protected", Value: report.String(k.protectedBy())})
		}
		if k.Label != "" {
			fields = append(fields, report.Field{Name: "label", Value: report.String(k.Label)})
		}
		if k.Created != "" {
			fields = append(fields, report.Field{Name: "created", Value: report.String(k.Created)})
		}
		fields = append(fields, report.Field{Name: "encoding", Value: report.String(k.Encoding)})
		p.Parts = append(p.Parts, fields)
	}
	return p
}

// half says which half of what kind of key it is.
func (k inspected) half() string {
	half := "public"
	if k.Private {
		half = "private"
	}
	if k.Kind == "" {
		return half + ", of unknown kind"
	}
	return half + " " + k.claim(k.Kind+" ("+k.Algorithm+")")
}

// claim marks what only the file says.
func (k inspected) claim(s string) string {
	switch {
	case s == "":
		return "unknown"
	case !k.Known:
		return s + " ?"
	}
	return s
}

func (k inspected) protectedBy() string {
	if k.Protected {
		return "by a passphrase: " + k.Protection
	}
	return "no"
}

func csvOf(keys []inspected) *report.Grid {
	g := &report.Grid{}
	for _, name := range []string{"file", "private", "kind", "algorithm", "fingerprint", "known",
		"encoding", "protected", "protection", "label", "created", "mode"} {
		g.Columns = append(g.Columns, report.Column{Name: name})
	}
	var rows [][]report.Cell
	for _, k := range keys {
		var row []report.Cell
		for _, s := range []string{k.File, fmt.Sprint(k.Private), k.Kind, k.Algorithm, k.Fingerprint, fmt.Sprint(k.Known),
			k.Encoding, fmt.Sprint(k.Protected), k.Protection, k.Label, k.Created, k.Mode} {
			row = append(row, report.String(s))
		}
		rows = append(rows, row)
	}
	g.Rows = report.RowsOf(rows...)
	return g
}
