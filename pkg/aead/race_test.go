//go:build race

package aead

const raceDetector = true
