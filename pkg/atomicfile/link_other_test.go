//go:build !windows

package atomicfile

var linkForTest = linkNew
