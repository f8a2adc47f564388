package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/trust"
)

func trustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "keep a trust file: which keys count, since when, until when",
		Long: `Usage:
    cqkeygen trust add FILE KEY.pub...
    cqkeygen trust remove FILE KEY...
    cqkeygen trust update FILE LIST
    cqkeygen trust show FILE...

Keeps the trust file that "cqverify -k FILE" reads: the keys that count, each
with a label and, if you like, a time since when and one until when; the root
whose revocations count; and the witnesses and timestamp authorities who may
show how old a seal is. The file is yours: whoever can write it decides what you
believe.`,
		Example: `    $ cqkeygen -o pilot-7
    $ cqkeygen root -o fleet-root
    $ cqkeygen trust add fleet.trust pilot-7.pub --root fleet-root.pub
    $ cqkeygen trust show fleet.trust`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.Hint(cli.Usagef("no subcommand given"), `the subcommands are add, remove, update and show`)
		},
	}
	cmd.AddCommand(trustAddCommand(), trustRemoveCommand(), trustUpdateCommand(), trustShowCommand())
	return cmd
}

// readTrust reads a trust file, whose revocation list must be its root's.
func readTrust(name string) (*trust.File, error) {
	data, err := keyring.Read(name)
	if err != nil {
		return nil, err
	}
	f, err := trust.ParseFile(data)
	if err == nil {
		err = new(trust.Registry).AddFile(f, keyring.Verify)
	}
	if err != nil {
		return nil, named(name, err)
	}
	for _, k := range f.Keys {
		if _, err := keyring.SigningKey(k); err != nil {
			return nil, named(name, err)
		}
	}
	return f, nil
}

// readOrMakeTrust is readTrust for a file that need not exist.
func readOrMakeTrust(name string) (f *trust.File, made bool, err error) {
	f, err = readTrust(name)
	if errors.Is(err, fs.ErrNotExist) {
		return new(trust.File), true, nil
	}
	return f, false, err
}

// writeTrust replaces a trust file, or makes it.
func writeTrust(cmd *cobra.Command, name string, f *trust.File) error {
	data := f.Append(nil)
	if _, err := trust.ParseFile(data); err != nil {
		return fmt.Errorf("the trust file would break a rule: %w", err)
	}
	return write(cmd, name, data, cli.CreateOptions{Force: true})
}

// readList reads a revocation list. Its signature is not checked.
func readList(name string) (*trust.List, error) {
	data, err := keyring.Read(name)
	if err != nil {
		return nil, err
	}
	l, err := trust.ParseList(data)
	if err != nil {
		return nil, named(name, err)
	}
	return l, nil
}

func trustUpdateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "update FILE LIST",
		Short: "take a newer revocation list into a trust file",
		Long: `Usage:
    cqkeygen trust update FILE LIST

Takes a revocation list, as "cqkeygen revoke" makes it, into the trust file,
whose root must have signed it. An older list than the one that is there is
refused, and so is one that does not go on from it.`,
		Example: `    $ cqkeygen -o pilot-7
    $ cqkeygen root -o fleet-root
    $ cqkeygen trust add fleet.trust pilot-7.pub --root fleet-root.pub
    $ cqkeygen revoke -k fleet-root.key --new --key pilot-7.pub
    $ cqkeygen trust update fleet.trust fleet-root.revoked`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want a trust file and a revocation list, not %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := readList(args[1])
			if err != nil {
				return err
			}
			return updateTrust(cmd, args[0], args[1], l)
		},
	}
}

// updateTrust takes a list, which was read from a file, into a trust file.
func updateTrust(cmd *cobra.Command, name, listName string, l *trust.List) error {
	f, err := readTrust(name)
	if err != nil {
		return err
	}
	if f.Root == nil {
		return cli.Hint(named(name, errors.New("the trust file names no root")), "name it with %q", "cqkeygen trust add "+name+" --root ROOT.pub")
	}
	old := f.Root.Revoked
	r := new(trust.Registry)
	if err := r.AddFile(f, keyring.Verify); err != nil {
		return named(name, err)
	}
	if err := r.AddList(l, keyring.Verify); err != nil {
		return named(listName, err)
	}
	if old != nil && len(l.Steps) < len(old.Steps) {
		return named(listName, fmt.Errorf("the list is older than the one in %q: it has %s, not %d", name, cli.Count(int64(len(l.Steps)), "step"), len(old.Steps)))
	}
	if old != nil && len(l.Steps) == len(old.Steps) {
		cli.Say(cmd, "%s has this revocation list already", name)
		return nil
	}
	f.Root.Revoked = l
	if err := writeTrust(cmd, name, f); err != nil {
		return err
	}
	cli.Say(cmd, "%s now has the revocations as of %s: %s", name, l.AsOf().UTC().Format(time.DateTime), cli.Count(int64(len(l.Steps)), "step"))
	return nil
}

// parseMoment reads a time from a flag: RFC 3339 in UTC and whole seconds, a day, which
// is its first second, or its last one if end is set, or "now".
func parseMoment(flag, s string, end bool) (time.Time, error) {
	if s == "now" {
		return time.Now().UTC().Truncate(time.Second), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil && trust.CheckTime(t) == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil && trust.CheckTime(t) == nil {
		if end {
			t = t.Add(24*time.Hour - time.Second)
		}
		return t, nil
	}
	return time.Time{}, cli.Hint(cli.Usagef("--%s %q is no time", flag, s), "write 2026-11-21T02:10:00Z, or 2026-11-21, or now")
}

// exists reports whether there is something under a name.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
