//go:build !unix

package store

import "testing"

// newPostgres skips: the test starts servers as another user, which is written for Unix.
func newPostgres(t testing.TB, _ SchemaOptions, _ ...string) backend {
	t.Helper()
	t.Skip("tests start PostgreSQL on Unix only")
	return nil
}
