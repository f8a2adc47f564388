// Package tlog cuts MAVLink telemetry logs into records and gaps without losing
// or changing a byte, and says which records are sound.
//
// A telemetry log (.tlog) is a run of records, each an 8-byte big-endian time in
// microseconds since 1970 UTC followed by one MAVLink 1 or 2 frame as captured.
// Real logs also hold other things: torn records, console text, holes of zeros,
// frames of a second writer. A [Scanner] puts every byte of its input in exactly
// one [Segment], which is a record or a gap; the segments, joined, are the input.
//
// # Cutting
//
// A frame is well formed if its magic is 0xFE (MAVLink 1) or 0xFD (MAVLink 2),
// it has no incompatibility flag but 0x01 (signed), and it ends within the input.
// A record is well formed if its time lies in the years 2000 to 2099 and its
// frame is well formed. A frame is sound if its message id is known and its
// checksum holds (CRC-16/MCRF4XX over the frame without its magic and then the
// message's seed, MAVLink serialization guide, "Checksum").
//
//   - In step, that is at the start of the input and right behind a record, a sound
//     record is a record. A well-formed one that is not sound is one too if another
//     well-formed record or the end of the input follows and no sound record
//     begins inside it.
//   - Anything else starts a gap. It ends where the next sound record begins.
//
// A raw link capture (.rlog, .raw) has frames without times. Its records are the
// sound frames, all else is gap; see [Detect].
//
// Package tlog knows no message: ids and seeds come in as [Seeds]. It does not
// decode payloads.
package tlog
