package keccak

import "crypto/sha3"

// Sum256 returns the SHA3-256 of a message.
func Sum256(message []byte) [Size]byte { return sha3.Sum256(message) }

// Sum256All writes the SHA3-256 of messages[i] to sums[i], for all i, four messages
// at a time. Messages next to each other should be of like length: the four of a
// group take as long as the longest. It panics if sums is shorter than messages,
// allocates nothing, and is safe for concurrent use.
func Sum256All(sums [][Size]byte, messages [][]byte) {
	sums = sums[:len(messages)]
	done := 0
	if wide {
		done = inFours(sums, messages, func(l *lanes) {
			l.start(&empty)
			l.hash()
		})
	}
	for i := done; i < len(messages); i++ {
		sums[i] = sha3.Sum256(messages[i])
	}
}

// empty is the state that a hash begins with.
var empty state

// inFours writes the digests that f computes of messages, four at a time, to sums,
// and returns of how many: a single one at the end is left, because alone it is
// faster elsewhere.
func inFours(sums [][Size]byte, messages [][]byte, f func(l *lanes)) (done int) {
	if len(messages) < 2 {
		return 0
	}
	withLanes(func(l *lanes) {
		defer clear(l.four[:]) // of the caller's messages
		for done+2 <= len(messages) {
			n := copy(l.four[:], messages[done:])
			clear(l.four[n:])
			f(l)
			for i := range n {
				l.digest(i, &sums[done+i])
			}
			done += n
		}
	})
	return done
}
