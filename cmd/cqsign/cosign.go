package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/cmd/internal/logfile"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/nonce"
	"cqkit/pkg/seal"
	"cqkit/pkg/trust"
)

type cosignOptions struct {
	key    string
	name   string
	keys   []string
	state  string
	vkey   bool
	output string
	force  bool
}

func cosignCommand() *cobra.Command {
	var o cosignOptions
	cmd := &cobra.Command{
		Use:   "cosign -w WITNESS.pem --name NAME -k KEY SEAL...",
		Short: "be a witness: say that a seal was there, and when",
		Long: `Usage:
    cqsign cosign -w WITNESS.pem --name NAME --vkey
    cqsign cosign -w WITNESS.pem --name NAME -k KEY... --state FILE SEAL...

For whoever is not the signer: checks that each SEAL, or request for a witness
that "cqsign attest" made, is signed by a key that counts now, and prints a
cosignature with the time of this machine's clock (C2SP tlog-cosignature), to be
attached with "cqsign attest". The log is not needed and not seen. "-" is
standard input.

One tree of a log is cosigned and no other, which is what --state remembers; a
seal that is still growing is refused.

The witness's key is Ed25519 in PKCS#8, as OpenSSL makes it. --vkey prints the
verifier key, which "cqkeygen trust add" takes into a trust file.

Options:
    -w, --witness-key FILE  the witness's private key
        --name NAME         the witness's name: a host and path, as a rule
    -k, --key KEY           the keys that count, as for cqverify
        --state FILE        remember in FILE what was cosigned
        --vkey              print the witness's verifier key
    -o, --output FILE       where the cosignatures go
        --force             replace FILE if it is there`,
		Example: `    $ openssl genpkey -algorithm ed25519 -out witness.pem
    $ cqsign cosign -w witness.pem --name witness.example/w1 --vkey
    $ cqkeygen -o pilot
    $ cqsign -k pilot.key flight.tlog
    $ cqsign cosign -w witness.pem --name witness.example/w1 -k pilot.pub \
          --state cosigned -o flight.cosig flight.tlog.cqseal
    $ cqsign attest flight.tlog flight.cosig`,
		Args: func(_ *cobra.Command, args []string) error { return o.check(args) },
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.key, "witness-key", "w", "", "the witness's private key")
	f.StringVar(&o.name, "name", "", "the witness's name")
	f.StringArrayVarP(&o.keys, "key", "k", nil, "the keys that count")
	f.StringVar(&o.state, "state", "", "remember what was cosigned")
	f.BoolVar(&o.vkey, "vkey", false, "print the witness's verifier key")
	f.StringVarP(&o.output, "output", "o", "", "where the cosignatures go")
	f.BoolVar(&o.force, "force", false, "replace the file if it is there")
	return cmd
}

func (o *cosignOptions) check(args []string) error {
	switch {
	case o.key == "":
		return cli.Hint(errors.New("no witness key given"), "make one with %q and give it with -w", "openssl genpkey -algorithm ed25519 -out witness.pem")
	case o.name == "":
		return cli.Hint(errors.New("no name given"), "a witness has a name, such as witness.example/w1: give it with --name")
	case o.vkey && (len(args) > 0 || len(o.keys) > 0 || o.state != ""):
		return errors.New("--vkey cosigns nothing")
	case o.vkey:
		return nil
	case len(args) == 0:
		return errors.New("no seal given")
	case len(o.keys) == 0:
		return keyring.Need(nil)
	case o.state == "":
		return cli.Hint(errors.New("no state file given"), "name a file to remember in what was cosigned with --state")
	}
	return nil
}

func (o *cosignOptions) run(cmd *cobra.Command, args []string) error {
	key, err := readWitnessKey(o.key)
	if err != nil {
		return err
	}
	w, err := trust.NewWitness(o.name, key.Public().(ed25519.PublicKey))
	if err != nil {
		return cli.Usage(err)
	}
	if o.vkey {
		return writeWhole(cmd, o.output, []byte(w.String()+"\n"), cli.CreateOptions{Force: o.force})
	}
	if err := cli.Declare(cmd, args...); err != nil {
		return err
	}
	ring, err := keyring.Load(o.keys)
	if err != nil {
		return err
	}
	state := nonce.NewFile(o.state)
	if err := ring.Remember(cmd.Context(), state); err != nil {
		return fmt.Errorf("state file %q: %w", o.state, err)
	}
	var lines bytes.Buffer
	var failed error
	for _, name := range args {
		c, err := o.cosign(cmd, w, key, ring, state, name)
		if err != nil {
			failed = errors.Join(failed, cli.Report(cmd, fmt.Errorf("%s: %w", quoted(name), err)))
			continue
		}
		fmt.Fprintln(&lines, c)
	}
	if lines.Len() == 0 {
		return failed
	}
	return errors.Join(failed, writeWhole(cmd, o.output, lines.Bytes(), cli.CreateOptions{Force: o.force}))
}

// cosign checks one seal and cosigns its last note.
func (o *cosignOptions) cosign(cmd *cobra.Command, w *trust.Witness, key ed25519.PrivateKey, ring *keyring.Ring, state *nonce.File, name string) (*trust.Cosignature, error) {
	data, err := logfile.ReadSeal(cmd, name)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	n, err := seal.CheckNotes(bytes.TrimPrefix(data, []byte("old 0\n\n")), func(fingerprint string) (*seal.Key, error) {
		if _, err := ring.Registry.Live(fingerprint, now); err != nil {
			return nil, err
		}
		return &seal.Key{Public: ring.Public(fingerprint), Fingerprint: fingerprint}, nil
	})
	switch {
	case err != nil:
		return nil, err
	case !n.Final:
		return nil, errors.New("the seal has no end yet: a witness cosigns one state of a log, and this is not the last")
	}
	if err := remember(cmd.Context(), state, n); err != nil {
		return nil, err
	}
	return w.Cosign(n.Text(), now, key)
}

// remember sees to it that no other tree of a log is ever cosigned.
func remember(ctx context.Context, state *nonce.File, n *seal.Note) error {
	return state.Update(ctx, func(s *nonce.State) error {
		outcome, err := s.Offer(nonce.ID{Key: n.Key, Subject: n.Origin()}, nonce.Mark{Size: n.Leaves, Nonce: n.Nonce, Digest: n.Digest()})
		if err == nil && outcome != nonce.First && outcome != nonce.Same {
			err = errors.New("another seal of this log was cosigned before")
		}
		return err
	})
}

// readWitnessKey reads an Ed25519 key in PKCS#8, which only its owner may be able to read.
func readWitnessKey(path string) (ed25519.PrivateKey, error) {
	data, mode, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	if err := keyfile.CheckMode(path, true, mode); err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("%q: not one PKCS#8 private key in PEM without a passphrase", path)
	}
	defer clear(block.Bytes)
	any, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", path, err)
	}
	key, ok := any.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%q: a witness cosigns with Ed25519, and this is another kind of key", path)
	}
	return key, nil
}
