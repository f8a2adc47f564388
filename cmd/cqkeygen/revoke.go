package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/trust"
)

// revocation are the flags of revoke.
type revocation struct {
	root       string
	passphrase string // file
	keys       []string
	at         string
	reason     string
	text       string
	output     string
	fresh      bool
	renew      bool
	trusted    []string

	from time.Time
}

func revokeCommand() *cobra.Command {
	var v revocation
	cmd := &cobra.Command{
		Use:   "revoke -k ROOT.key --key KEY",
		Short: "revoke keys, for good",
		Long: `Usage:
    cqkeygen revoke -k ROOT.key --key KEY... [--at TIME] [--reason WHY]
    cqkeygen revoke -k ROOT.key --renew

Adds to the revocation list of a root key, and signs it again: what each KEY
signed no longer counts, from --at on, for whoever names the root in a trust
file and has the list. Nothing can be taken back: a list only ever grows, and
cqverify refuses one that is not what it saw before with something added.

Since a signature does not tell when it was made, what a revoked key signed
before counts only with somebody else's word for its age; see "cqsign attest".

Pass the new list on: to be given to cqverify with -k, or taken into trust files
with "cqkeygen trust update". Keep the newest list with the root key: one that
is made from an old copy contradicts what was passed on.

Options:
    -k, --root-key FILE         the root's private key
        --passphrase-file FILE  read its passphrase from FILE; without it, the
                                terminal is asked
        --key KEY               the key to revoke: its public file, or its
                                fingerprint; can be repeated
        --at TIME               from when on: 2026-11-21T02:10:00Z, 2026-11-21,
                                "now", or "always" for all it ever signed;
                                without it now
        --reason WHY            compromised, lost, superseded, retired or
                                unspecified, for people; it decides nothing
        --text TEXT             a few words more, for people
        --renew                 revoke nothing: say that there is nothing new
    -o, --output LIST           the list; without it, ROOT.revoked beside the
                                root's key
        --new                   begin the list, which must not exist
        --trust FILE            take the list into this trust file, too; can be
                                repeated`,
		Example: `    $ cqkeygen root -o fleet-root
    $ cqkeygen -o pilot-7
    $ cqkeygen revoke -k fleet-root.key --new --key pilot-7.pub --at 2026-11-18
    $ cqkeygen trust show fleet-root.revoked`,
		PreRunE: func(*cobra.Command, []string) error { return v.check() },
		RunE:    func(cmd *cobra.Command, _ []string) error { return v.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVarP(&v.root, "root-key", "k", "", "the root's private key")
	f.StringVar(&v.passphrase, "passphrase-file", "", "read its passphrase from this file")
	f.StringArrayVar(&v.keys, "key", nil, "the key to revoke")
	f.StringVar(&v.at, "at", "now", "from when on")
	f.StringVar(&v.reason, "reason", string(trust.Unspecified), "why")
	f.StringVar(&v.text, "text", "", "a few words more")
	f.BoolVar(&v.renew, "renew", false, "say that there is nothing new")
	f.StringVarP(&v.output, "output", "o", "", "the list")
	f.BoolVar(&v.fresh, "new", false, "begin the list")
	f.StringArrayVar(&v.trusted, "trust", nil, "take the list into this trust file, too")
	cmd.RegisterFlagCompletionFunc("reason", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, r := range trust.Reasons() {
			names = append(names, string(r))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func (v *revocation) check() (err error) {
	switch {
	case v.root == "":
		return cli.Hint(errors.New("no root key given"), "make one with %q and give it with -k", "cqkeygen root -o NAME")
	case len(v.keys) == 0 && !v.renew:
		return cli.Hint(errors.New("no key given to revoke"), "give its public file or its fingerprint with --key")
	case v.renew && (len(v.keys) > 0 || v.text != ""):
		return errors.New("--renew revokes nothing")
	case v.output == "" && (v.root == "-" || keyfile.IsTokenURI(v.root)):
		return cli.Hint(errors.New("the root's key is in no file to call the list by"), "name the list with -o")
	case v.output == "-":
		return errors.New("the list is a file that grows, and cannot be standard output")
	}
	if v.text != "" {
		if err := trust.CheckText(v.text); err != nil {
			return fmt.Errorf("--text: %w", err)
		}
	}
	known := false
	for _, r := range trust.Reasons() {
		known = known || string(r) == v.reason
	}
	if !known {
		return cli.Hint(fmt.Errorf("--reason %q is none", v.reason), "the reasons are compromised, lost, superseded, retired and unspecified")
	}
	if v.at != "always" {
		v.from, err = parseMoment("at", v.at, false)
	}
	if v.output == "" {
		v.output = strings.TrimSuffix(v.root, ".key") + ".revoked"
	}
	return err
}

func (v *revocation) run(cmd *cobra.Command) error {
	if err := declare(cmd, append([]string{v.root, v.passphrase}, v.keys...)...); err != nil {
		return err
	}
	fingerprints, err := v.fingerprints()
	if err != nil {
		return err
	}
	file, err := load(cmd, v.root, cli.PassphraseFunc(cmd, v.root, v.passphrase))
	switch {
	case err != nil:
		return err
	case file.Private == nil:
		return cli.Hint(named(v.root, keyfile.ErrPublic), "sign with the private half, %q", strings.TrimSuffix(v.root, ".pub")+".key")
	}
	defer file.Private.Wipe()
	if file.Private.Kind() != keyfile.Root {
		return cli.Hint(named(v.root, fmt.Errorf("a %v key is no root", file.Private.Kind())), "make one with %q", "cqkeygen root -o NAME")
	}
	der := file.Public.DER()
	list, before, err := v.begin(file.Public)
	if err != nil {
		return err
	}
	if err := v.add(list, fingerprints); err != nil {
		return err
	}
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if err := list.Sign(keyring.SignerName(file.Private.Label, v.root), der, file.Private.Signer().Sign); err != nil {
		return err
	}
	if err := v.write(cmd, list, before); err != nil {
		return err
	}
	for _, f := range fingerprints {
		fmt.Fprintln(cmd.OutOrStdout(), f)
	}
	cli.Say(cmd, "%s now has %s", v.output, cli.Count(int64(len(list.Steps)), "step"))
	var failed error
	for _, name := range v.trusted {
		if err := updateTrust(cmd, name, v.output, list); err != nil {
			failed = errors.Join(failed, cli.Report(cmd, err))
		}
	}
	return failed
}

// fingerprints are those of the keys to revoke.
func (v *revocation) fingerprints() ([]string, error) {
	var all []string
	for _, k := range v.keys {
		if trust.IsFingerprint(k) {
			all = append(all, k)
			continue
		}
		f, err := keyfile.ReadPublic(k)
		if err != nil {
			return nil, hintPublic(k, err)
		}
		all = append(all, f.Fingerprint())
	}
	return all, nil
}

// begin reads the list to extend, or begins one. before is what is in the file.
func (v *revocation) begin(root *keyfile.Public) (list *trust.List, before []byte, err error) {
	switch there := exists(v.output); {
	case !there && v.fresh:
		return trust.NewList(root.Fingerprint()), nil, nil
	case !there:
		return nil, nil, cli.Hint(fmt.Errorf("there is no list %q", v.output),
			"name the root's list with -o; if it has none yet, begin one with --new")
	case v.fresh:
		return nil, nil, cli.Hint(fmt.Errorf("there is a list %q", v.output), "extend it without --new")
	}
	if before, err = keyring.Read(v.output); err != nil {
		return nil, nil, err
	}
	if list, err = trust.ParseList(before); err == nil {
		err = list.Verify(root.DER(), keyring.Verify)
	}
	if err != nil {
		return nil, nil, named(v.output, err)
	}
	return list, before, nil
}

// add adds the steps.
func (v *revocation) add(list *trust.List, fingerprints []string) error {
	now := time.Now().UTC().Truncate(time.Second)
	if last := list.AsOf(); now.Before(last) {
		return cli.Hint(fmt.Errorf("the list was issued at %s, which is still to come", last.Format(time.RFC3339)), "set the clock of this machine")
	}
	if v.renew {
		return list.Renew(now)
	}
	for _, f := range fingerprints {
		if old, ok := list.Revoked(f); ok && !v.from.Before(old.From) {
			return cli.Hint(fmt.Errorf("%s is revoked already, %s", f, old), "give an earlier --at to revoke it further back")
		}
		if err := list.Revoke(now, trust.Revocation{Fingerprint: f, From: v.from, Reason: trust.Reason(v.reason), Text: v.text}); err != nil {
			return err
		}
	}
	return nil
}

// write replaces the list, unless somebody else did while this one was signed.
func (v *revocation) write(cmd *cobra.Command, list *trust.List, before []byte) error {
	if before != nil {
		if now, err := keyring.Read(v.output); err != nil || !bytes.Equal(now, before) {
			return cli.Hint(fmt.Errorf("%q changed while the new list was signed", v.output), "do it again")
		}
	}
	return write(cmd, v.output, list.Bytes(), cli.CreateOptions{Force: before != nil})
}
