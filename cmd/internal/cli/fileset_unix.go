//go:build unix

package cli

import (
	"io/fs"
	"syscall"
)

// fileNumber is what tells a file from all others.
type fileNumber struct{ device, inode uint64 }

func numberOf(info fs.FileInfo) (fileNumber, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileNumber{}, false
	}
	return fileNumber{uint64(stat.Dev), uint64(stat.Ino)}, true
}
