package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cqkit/cmd/internal/cli"
)

// Found is one log that the arguments name.
type Found struct {
	Path     string // "-" is standard input
	InFolder bool   // found in a folder, not named itself
	Err      error  // why it cannot be one
}

// Find returns the logs that the arguments name, in order and each once: a file is
// itself, a folder the .tlog files in it, with those in its subfolders if recursive.
// Names that begin with a dot are passed over in folders, and links to folders are not
// followed. A name that cannot be looked at is returned with its error, so that one
// mistake does not stop the rest.
func Find(args []string, recursive bool) []Found { return find(args, recursive, false) }

// FindSealed is Find for those who judge logs: a folder also stands for the logs that
// are missing beside their seals, which are returned with an error.
func FindSealed(args []string, recursive bool) []Found { return find(args, recursive, true) }

func find(args []string, recursive, sealed bool) []Found {
	var found []Found
	for _, arg := range args {
		if arg == "-" {
			found = append(found, Found{Path: arg})
			continue
		}
		info, err := os.Stat(arg)
		switch {
		case err != nil:
			found = append(found, Found{Path: arg, Err: err})
		case !info.IsDir():
			found = append(found, Found{Path: arg})
		default:
			found = append(found, inFolder(arg, recursive, sealed)...)
		}
	}
	if len(args) == 1 { // what one argument stands for has one name each
		return found
	}
	return once(found)
}

// once leaves out what was named before. What is named itself counts as such even if
// its folder is named first. "-" stays: whoever opens it says that it is there twice.
func once(found []Found) []Found {
	seen := make(map[string]int, len(found))
	kept := found[:0]
	for _, f := range found {
		if f.Path == "-" {
			kept = append(kept, f)
			continue
		}
		key := f.Path
		if abs, err := filepath.Abs(key); err == nil {
			key = abs
		}
		if i, ok := seen[key]; ok {
			kept[i].InFolder = kept[i].InFolder && f.InFolder
			continue
		}
		seen[key] = len(kept)
		kept = append(kept, f)
	}
	return kept
}

func inFolder(dir string, recursive, sealed bool) []Found {
	var found []Found
	logs := make(map[string]bool) // what has a log's name, whatever it is
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if sealed && isLogName(path) {
			logs[path] = true
		}
		switch {
		case err != nil:
			found = append(found, Found{Path: path, InFolder: true, Err: err})
			return nil
		case path == dir:
			return nil
		case entry.IsDir():
			if !recursive || strings.HasPrefix(entry.Name(), ".") {
				return filepath.SkipDir
			}
		case strings.HasPrefix(entry.Name(), "."):
		case isLogName(path):
			if f, ok := look(path, entry); ok {
				found = append(found, f)
			}
		case sealed && strings.HasSuffix(path, sealEnd) && isLogName(strings.TrimSuffix(path, sealEnd)):
			log := strings.TrimSuffix(path, sealEnd)
			if logs[log] { // it comes before its seal
				return nil
			}
			if _, err := os.Lstat(log); errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("%q is missing, but its seal is there", log)
				found = append(found, Found{Path: log, InFolder: true, Err: err})
			}
		}
		return nil
	})
	switch {
	case err != nil:
		found = append(found, Found{Path: dir, InFolder: true, Err: err})
	case len(found) == 0:
		err := fmt.Errorf("no .tlog file in folder %q", dir)
		if !recursive {
			err = cli.Hint(err, "use --recursive to look into its subfolders")
		}
		found = append(found, Found{Path: dir, InFolder: true, Err: err})
	}
	slices.SortFunc(found, func(a, b Found) int { return strings.Compare(a.Path, b.Path) })
	return found
}

func isLogName(path string) bool { return strings.EqualFold(filepath.Ext(path), ".tlog") }

// look says whether what has a log's name in a folder is one. A pipe or a device is
// not: opening it could wait for ever, and no one asked for it by name.
func look(path string, entry fs.DirEntry) (Found, bool) {
	f := Found{Path: path, InFolder: true}
	mode := entry.Type()
	if mode&fs.ModeSymlink != 0 {
		info, err := os.Stat(path)
		if err != nil {
			f.Err = err
			return f, true
		}
		mode = info.Mode()
	}
	if !mode.IsDir() && !mode.IsRegular() {
		f.Err = &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	return f, !mode.IsDir()
}

// Declare tells the run about the logs before one of them is opened, as [cli.Declare]
// does. It returns how many bytes they have together, for [cli.NewProgress]; 0 if one of
// them does not say.
func Declare(cmd *cobra.Command, logs []Found) (total int64, err error) {
	known := true
	for _, l := range logs {
		info, err := cli.DeclareFile(cmd, l.Path)
		switch {
		case err != nil:
			return 0, err
		case l.Err != nil:
		case l.Path == "-" || info == nil || !info.Mode().IsRegular():
			known = false
		default:
			total += info.Size()
		}
	}
	if !known {
		return 0, nil
	}
	return total, nil
}
