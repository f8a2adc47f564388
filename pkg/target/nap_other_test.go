//go:build !linux

package target

import "testing"

func onlyTimers(*testing.T) {}
