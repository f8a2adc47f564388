//go:build !race

package aead

const raceDetector = false
