package atomicfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames in one step that fails if to exists. File systems without
// RENAME_NOREPLACE (NFS, some FUSE ones) have hard links, which exclude as well.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch err {
	case nil:
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP, unix.EPERM:
		return linkNew(from, to)
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
