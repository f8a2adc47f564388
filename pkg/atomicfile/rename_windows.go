package atomicfile

import (
	"os"

	"golang.org/x/sys/windows"
)

// renameNew renames in one step that fails if to exists: MoveFileEx without
// MOVEFILE_REPLACE_EXISTING. WRITE_THROUGH returns once the name is on disk.
func renameNew(from, to string) error {
	fail := func(err error) error {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	f, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return fail(err)
	}
	t, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return fail(err)
	}
	if err := windows.MoveFileEx(f, t, windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return fail(err)
	}
	return nil
}

// syncDir does nothing: Windows cannot sync a folder, and NTFS journals names.
func syncDir(string) error { return nil }

// unsupported is never asked on Windows about anything it could excuse.
func unsupported(error) bool { return false }
