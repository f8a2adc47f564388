// Package mav says what a MAVLink frame means: the name of its message, the seed of
// its checksum and its fields. It never touches the bytes of a log; those come from
// package tlog.
//
// The definitions are those of the "all" dialect of gomavlib, which stays hidden
// behind this package. They are built on first use, once; every function is safe
// for concurrent use.
package mav
