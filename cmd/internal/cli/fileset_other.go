//go:build !unix

package cli

import "io/fs"

// fileNumber is not to be had from a FileInfo here.
type fileNumber struct{}

func numberOf(fs.FileInfo) (fileNumber, bool) { return fileNumber{}, false }
