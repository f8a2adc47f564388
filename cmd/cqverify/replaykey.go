package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/mav"
)

// mavlinkKey reads the key that --mavlink-key gives, nil if text is "". What is in it
// never reaches a message.
func mavlinkKey(cmd *cobra.Command, text string) (*mav.SigningKey, error) {
	if text == "" && !cmd.Flags().Changed("mavlink-key") {
		return nil, nil
	}
	name, isFile := strings.CutPrefix(text, "file:")
	if !isFile {
		key, err := mav.ParseSigningKey(text)
		if err != nil {
			return nil, cli.Hint(cli.Usagef("--mavlink-key: %v", err), "give hex:, base64:, pass: or file: and the key, or a passphrase alone")
		}
		return &key, nil
	}
	in, err := cli.Open(cmd, name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, 4096))
	if err != nil {
		return nil, err
	}
	defer clear(data)
	key, err := mav.SigningKeyOf(data)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return &key, nil
}
