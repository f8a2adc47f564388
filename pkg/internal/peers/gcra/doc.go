// Package gcra measures cqkit's limiters beside other projects'. docs/gcra.md has the
// commands and the figures.
package gcra
