package keyfile

import (
	"encoding/base64"
	"fmt"
	"strings"
)

func isFingerprint(s string) bool {
	b64, ok := strings.CutPrefix(s, "SHA256:")
	if !ok || strings.ContainsAny(b64, "\r\n") {
		return false
	}
	sum, err := base64.RawStdEncoding.Strict().DecodeString(b64)
	return err == nil && len(sum) == 32
}

// checkClaims compares what the comments say with what the key is.
func (d *document) checkClaims(key *Public) error {
	if d.kind != 0 && d.kind != key.kind {
		return fmt.Errorf("the file says its key is for %s, but it is for %s", d.kind.Algorithm(), key.kind.Algorithm())
	}
	if got := key.Fingerprint(); d.fingerprint != "" && d.fingerprint != got {
		return fmt.Errorf("the file says its key is %s, but it is %s", d.fingerprint, got)
	}
	return nil
}
