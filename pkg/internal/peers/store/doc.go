// Package store measures cqkit's shared limits beside other projects'. docs/store.md has
// the commands and the figures.
package store
