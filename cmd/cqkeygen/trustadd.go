package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/trust"
)

// trustAddition are the flags of trust add.
type trustAddition struct {
	label, since, until string
	root                string
	witnesses           []string
	authorities         []string

	labelGiven bool
	from, to   time.Time
}

func trustAddCommand() *cobra.Command {
	var a trustAddition
	cmd := &cobra.Command{
		Use:   "add FILE KEY.pub...",
		Short: "add keys to a trust file, or change their labels and times",
		Long: `Usage:
    cqkeygen trust add FILE KEY.pub... [--since TIME] [--until TIME]
    cqkeygen trust add FILE --root ROOT.pub
    cqkeygen trust add FILE --witness VKEY | --authority CERT.pem

Adds public signing keys to the trust file, which is made if it does not exist.
A key that is in it already gets the label and times that are given, and keeps
the others.

A key counts for what was signed from --since to --until, both included; a seal
is judged by the time it claims, a command on a link by the clock. For a change
of keys give the old one an end and let the new one begin before it. For a key
that somebody else may have, revoke it instead: an end does not stop whoever
claims an earlier time.

TIME is 2026-11-21T02:10:00Z, or 2026-11-21 for that day in UTC, or now; "-"
takes a time off again.

Options:
        --label TEXT      call the key so; without it, the label in its file
        --since TIME      from when on the key counts
        --until TIME      until when it counts
        --root FILE       the public root key whose revocations count
        --witness VKEY    a witness (C2SP verifier key, NAME+HASH+KEY, or a file
                          with it) whose cosignatures show how old a seal is;
                          can be repeated
        --authority FILE  a certificate (PEM or DER) that vouches for RFC 3161
                          timestamps; can be repeated`,
		Example: `    $ cqkeygen -o pilot-7
    $ cqkeygen trust add fleet.trust pilot-7.pub --until 2027-06-30
    $ cqkeygen root -o fleet-root
    $ cqkeygen trust add fleet.trust --root fleet-root.pub`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Hint(errors.New("no trust file given"), "name the file to keep, then the keys to add to it")
			}
			return nil
		},
		PreRunE: func(cmd *cobra.Command, args []string) error {
			a.labelGiven = cmd.Flags().Changed("label")
			return a.check(args[1:])
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, args[0], args[1:]) },
	}
	f := cmd.Flags()
	f.StringVar(&a.label, "label", "", "call the key so")
	f.StringVar(&a.since, "since", "", "from when on the key counts")
	f.StringVar(&a.until, "until", "", "until when the key counts")
	f.StringVar(&a.root, "root", "", "the public root key whose revocations count")
	f.StringArrayVar(&a.witnesses, "witness", nil, "a witness's verifier key")
	f.StringArrayVar(&a.authorities, "authority", nil, "a certificate that vouches for timestamps")
	return cmd
}

func (a *trustAddition) check(keys []string) (err error) {
	entries := len(keys) + len(a.witnesses) + len(a.authorities)
	if a.root != "" {
		entries++
	}
	switch {
	case entries == 0:
		return cli.Hint(errors.New("nothing to add"), "name public keys, or give --root, --witness or --authority")
	case a.labelGiven && entries > 1:
		return errors.New("--label is for a single entry")
	case (a.since != "" || a.until != "") && len(keys) == 0:
		return errors.New("--since and --until are for keys")
	}
	if a.label != "" {
		if err := trust.CheckText(a.label); err != nil {
			return fmt.Errorf("--label: %w", err)
		}
	}
	if a.since != "" && a.since != "-" {
		if a.from, err = parseMoment("since", a.since, false); err != nil {
			return err
		}
	}
	if a.until != "" && a.until != "-" {
		if a.to, err = parseMoment("until", a.until, true); err != nil {
			return err
		}
	}
	return nil
}

func (a *trustAddition) run(cmd *cobra.Command, name string, keys []string) error {
	if err := declare(cmd, append(append([]string{a.root}, a.authorities...), keys...)...); err != nil {
		return err
	}
	f, made, err := readOrMakeTrust(name)
	if err != nil {
		return err
	}
	before := f.Append(nil)
	for _, add := range []func(f *trust.File) error{
		func(f *trust.File) error { return a.addRoot(f) },
		func(f *trust.File) error { return a.addKeys(f, keys) },
		a.addWitnesses,
		a.addAuthorities,
	} {
		if err := add(f); err != nil {
			return err
		}
	}
	switch {
	case made:
		cli.Say(cmd, "made %s", name)
	case bytes.Equal(before, f.Append(nil)):
		cli.Say(cmd, "%s has all of this already", name)
		return nil
	}
	return writeTrust(cmd, name, f)
}

// name returns the label for an entry: the one given, else the one it has, else its own.
func (a *trustAddition) name(has, own string) string {
	switch {
	case a.labelGiven:
		return a.label
	case has != "" || trust.CheckText(own) != nil:
		return has
	}
	return own
}

func (a *trustAddition) addRoot(f *trust.File) error {
	if a.root == "" {
		return nil
	}
	public, err := keyfile.ReadPublic(a.root)
	if err != nil {
		return hintPublic(a.root, err)
	}
	if public.Kind() != keyfile.Root {
		return cli.Hint(named(a.root, fmt.Errorf("a %v key is no root", public.Kind())), "make one with %q", "cqkeygen root -o NAME")
	}
	if f.Root == nil {
		f.Root = &trust.Root{Fingerprint: public.Fingerprint(), DER: public.DER()}
	} else if f.Root.Fingerprint != public.Fingerprint() {
		return cli.Hint(fmt.Errorf("the trust file has another root, %s", f.Root.Fingerprint), `take that out first, with "cqkeygen trust remove"`)
	}
	f.Root.Label = a.name(f.Root.Label, public.Label)
	return nil
}

// hintPublic says what to do about a file that is no public key.
func hintPublic(path string, err error) error {
	if errors.Is(err, keyfile.ErrPrivate) {
		return cli.Hint(err, "give its public half, made by %q", "cqkeygen public "+path)
	}
	return hinted(err)
}

func (a *trustAddition) addKeys(f *trust.File, paths []string) error {
	for _, path := range paths {
		public, err := keyfile.ReadPublic(path)
		if err != nil {
			return hintPublic(path, err)
		}
		k := &trust.Key{Fingerprint: public.Fingerprint(), DER: public.DER()}
		if public.Kind() == keyfile.Root {
			return cli.Hint(named(path, errors.New("a root key signs nothing but revocations")), "name it as the root, with --root")
		}
		if _, err := keyring.SigningKey(k); err != nil {
			return named(path, err)
		}
		if i := slices.IndexFunc(f.Keys, func(o *trust.Key) bool { return o.Fingerprint == k.Fingerprint }); i >= 0 {
			k = f.Keys[i]
		} else {
			f.Keys = append(f.Keys, k)
		}
		k.Label = a.name(k.Label, public.Label)
		if a.since != "" {
			k.Since = a.from
		}
		if a.until != "" {
			k.Until = a.to
		}
		if !k.Since.IsZero() && !k.Until.IsZero() && k.Until.Before(k.Since) {
			return cli.Usagef("%q: --until is before --since", path)
		}
	}
	return nil
}

func (a *trustAddition) addWitnesses(f *trust.File) error {
	for _, vkey := range a.witnesses {
		text := []byte(vkey)
		if exists(vkey) {
			var err error
			if text, err = keyring.Read(vkey); err != nil {
				return err
			}
		}
		w, err := trust.ParseWitness(strings.TrimSuffix(string(text), "\n"))
		if err != nil {
			return cli.Usage(fmt.Errorf("--witness %q: %w", vkey, err))
		}
		if i := slices.IndexFunc(f.Witnesses, func(o *trust.Witness) bool { return o.String() == w.String() }); i >= 0 {
			w = f.Witnesses[i]
		} else {
			f.Witnesses = append(f.Witnesses, w)
		}
		w.Label = a.name(w.Label, "")
	}
	return nil
}

func (a *trustAddition) addAuthorities(f *trust.File) error {
	for _, path := range a.authorities {
		data, err := keyring.Read(path)
		if err != nil {
			return err
		}
		if b, _ := pem.Decode(data); b != nil && b.Type == "CERTIFICATE" {
			data = b.Bytes
		}
		c, err := trust.NewAuthority(data, "")
		if err != nil {
			return named(path, err)
		}
		if i := slices.IndexFunc(f.Authorities, func(o *trust.Authority) bool { return o.Fingerprint == c.Fingerprint }); i >= 0 {
			c = f.Authorities[i]
		} else {
			f.Authorities = append(f.Authorities, c)
		}
		c.Label = a.name(c.Label, "")
	}
	return nil
}
