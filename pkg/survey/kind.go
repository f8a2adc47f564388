package survey

import "bytes"

// kinds are the files that are handed in as flight logs by mistake, by their first
// bytes.
var kinds = []struct{ magic, name string }{
	{"\x0a\x0d\x0d\x0a", "a pcapng network capture"},
	{"\xd4\xc3\xb2\xa1", "a pcap network capture"},
	{"\xa1\xb2\xc3\xd4", "a pcap network capture"},
	{"\xa3\x95", "an ArduPilot DataFlash log (.bin)"},
	{"ULog\x01\x12\x35", "a PX4 ULog"},
	{"\x1f\x8b", "a gzip file; decompress it first"},
	{"PK\x03\x04", "a zip archive; unpack it first"},
	{"\x28\xb5\x2f\xfd", "a zstd file; decompress it first"},
	{"BZh", "a bzip2 file; decompress it first"},
	{"\xfd7zXZ\x00", "an xz file; decompress it first"},
	{"cqkit/flight-log/", "a seal, not a log"},
	{"-----BEGIN ", "a PEM file, such as a key"},
}

// fileKind returns what a file that begins with head looks like, or "".
func fileKind(head []byte) string {
	for _, k := range kinds {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return k.name
		}
	}
	return ""
}
