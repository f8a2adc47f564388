package tlog

import "encoding/binary"

// Look is what the beginning of a file looks like.
type Look struct {
	Format Format // Timed unless the file is clearly a raw link capture

	// LittleEndian reports times of the wrong byte order before the frames, as some
	// old recorders wrote them. Such a file has no records but by chance.
	LittleEndian bool
}

// HeadSize is how much of a file's beginning [Detect] needs to be sure, in bytes.
const HeadSize = 64 << 10

// Detect tells from a file's first bytes, [HeadSize] of them or all there are, how to
// cut it. A raw link capture is one in which sound frames fill at least half of those
// bytes and more of them than sound records do, and do not have a little-endian time
// in front.
func Detect(head []byte, seeds *Seeds) Look {
	timed, records, _ := coverage(head, seeds, Timed)
	raw, frames, swapped := coverage(head, seeds, Raw)
	torn := swappedTimes(head)
	return Look{
		Format:       rawIf(frames >= 2 && raw >= len(head)/2 && raw > timed && swapped <= frames/2),
		LittleEndian: swapped > max(frames/2, records) || torn >= max(3, records+1) && raw < len(head)/2,
	}
}

func rawIf(raw bool) Format {
	if raw {
		return Raw
	}
	return Timed
}

// coverage returns how many bytes of head are sound records, how many those are, and
// how many have a plausible little-endian time in front.
func coverage(head []byte, seeds *Seeds, format Format) (bytes, sound, swapped int) {
	scan := NewSliceScanner(head, seeds, format)
	for {
		seg, err := scan.Next()
		if err != nil {
			return bytes, sound, swapped
		}
		if seg.Kind == Gap || seg.Check != OK {
			continue
		}
		bytes += len(seg.Data)
		sound++
		if seg.Offset >= TimeSize && plausible(binary.LittleEndian.Uint64(head[seg.Offset-TimeSize:])) {
			swapped++
		}
	}
}

// swappedTimes counts plausible little-endian times with a magic behind them.
func swappedTimes(head []byte) int {
	n := 0
	for i := 0; i+TimeSize < len(head); i++ {
		if m := head[i+TimeSize]; (m == magicV1 || m == magicV2) && plausible(binary.LittleEndian.Uint64(head[i:])) {
			n++
		}
	}
	return n
}
