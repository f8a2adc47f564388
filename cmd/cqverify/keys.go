package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/cmd/internal/keyring"
	"cqkit/pkg/nonce"
	"cqkit/pkg/seal"
)

func needKeys(paths []string) error {
	if len(paths) > 0 {
		return nil
	}
	return cli.Hint(errors.New("no key given"), "name the signer's public key, a folder of keys or a trust file with -k")
}

// loadRing reads the keys, trust files and revocation lists that count. With a state
// file, "" for none, it refuses lists older than those that were seen.
func loadRing(cmd *cobra.Command, paths []string, state string) (*keyring.Ring, error) {
	ring, err := keyring.Load(paths)
	if err != nil || state == "" {
		return ring, err
	}
	err = ring.Remember(cmd.Context(), nonce.NewFile(state))
	var rollback *keyring.RollbackError
	switch {
	case errors.As(err, &rollback):
		err = cli.Hint(err, "give the newest revocation list with -k, beside the trust file or in it (cqkeygen trust update)")
	case err != nil:
		err = fmt.Errorf("state file %q: %w", state, err)
	}
	return ring, err
}

// loadKeys is loadRing for whoever judges seals.
func loadKeys(cmd *cobra.Command, paths []string, state string) ([]seal.Key, error) {
	ring, err := loadRing(cmd, paths, state)
	if err != nil {
		return nil, err
	}
	return sealKeys(ring), nil
}

// sealKeys are the keys of a ring in the form that judging seals wants.
func sealKeys(ring *keyring.Ring) (keys []seal.Key) {
	for _, k := range ring.Registry.Keys() {
		keys = append(keys, seal.Key{
			Public: ring.Public(k.Fingerprint), Fingerprint: k.Fingerprint, Label: k.Label, Trust: ring.Registry,
		})
	}
	return keys
}
