// Package trust says which keys count, since when and until when, and which no longer
// do.
//
// A [File] is what a verifier trusts: keys with labels and windows, a root that
// revokes, and witnesses and timestamp authorities that show how old a signature is. A
// [List] is what a root has revoked; it can only grow, so that nothing revoked comes
// back. A [Registry] puts files and lists together and answers the two questions there
// are: [Registry.Live], whether a key counts now, for what is received on a link; and
// [Registry.Signed], whether something counts that a key signed at some time, for what
// was recorded. Both return a [*Refusal] that says why not, and both name keys by their
// fingerprints, which is all that a signed statement has to carry:
//
//	key, err := registry.Live(statement.Signer, time.Now())
//	if err != nil {
//		return err // unknown, outside its window, or revoked
//	}
//	public := parse(key.DER)
//
// Whoever may have stolen a key can claim any time. What a revoked key signed counts
// only with a [Proof] that it existed before; a [Registry.Date] makes one of a witness's
// cosignature (C2SP tlog-cosignature) or an RFC 3161 timestamp.
//
// docs/trust-format.md specifies the files and these rules. The package knows no
// signature algorithm but those of witnesses and timestamps: how a root's signature is
// checked is handed to it. It reads no clock and no file, and it asks nobody whether
// something was revoked meanwhile.
package trust
