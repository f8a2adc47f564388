//go:build !race

package keccak

const raceDetector = false
