//go:build race

package keccak

const raceDetector = true
