// Package wire authenticates what goes over a MAVLink link, with post-quantum
// signatures and keys: commands of which everybody can check who gave them, and
// sessions whose packets only the two ends can make.
//
// A [Command] is a statement with its signature beside the frame it speaks for. Live, a
// [Sender] makes them and a [Receiver] decides what to obey. In a recording, [SignLog]
// writes a statement beside each frame that changes the state of a vehicle, and
// [JudgeLog] finds statements, made live or so, and judges each command. docs/wire-v2.md
// has the bytes and the rules, docs/wire-v2-session.md those of sessions.
//
// The package opens no connection and no file, keeps no clock and does not decide which
// keys to trust.
package wire
