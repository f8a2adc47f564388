//go:build race

package vegas

const raceDetector = true
