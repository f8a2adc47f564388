package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames in one step that fails if to exists. File systems without
// RENAME_EXCL (NFS, SMB) may have hard links, which exclude as well.
func renameNew(from, to string) error {
	err := unix.RenamexNp(from, to, unix.RENAME_EXCL)
	switch err {
	case nil:
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.ENOTSUP, unix.EPERM:
		return linkNew(from, to)
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
