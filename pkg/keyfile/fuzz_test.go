package keyfile

import (
	"os"
	"path/filepath"
	"testing"
)

// addSeeds gives a fuzz target every file of testdata/keys, and fails if there
// are none: a target that starts from nothing finds nothing.
func addSeeds(f *testing.F) {
	f.Helper()
	n := 0
	for _, pattern := range []string{"*.key", "*.pub", filepath.Join("bad", "*")} {
		files, err := filepath.Glob(filepath.Join(keyDir, pattern))
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
			n++
		}
	}
	if n < 50 {
		f.Fatalf("only %d seeds in %s", n, keyDir)
	}
}

// FuzzParse: whatever is accepted encodes to the same bytes again, and Inspect
// agrees with Parse. Protected files are only looked at, to stay fast.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data, nil)
		info, infoErr := Inspect(data, nil)
		if err != nil {
			if infoErr == nil && info.Protection == "" {
				t.Errorf("Inspect accepts what Parse refuses: %v", err)
			}
			return
		}
		if infoErr != nil || info.Fingerprint != file.Public.Fingerprint() || info.Private != (file.Private != nil) {
			t.Errorf("Inspect: %+v, %v", info, infoErr)
		}
		checkReencodes(t, data)
	})
}

// FuzzDER feeds the parsers of what is in a block.
func FuzzDER(f *testing.F) {
	n := 0
	for _, fix := range append(good(), bad()...) {
		if fix.random { // slow to make, and not another form
			continue
		}
		d, err := decode(fix.make(f))
		if err != nil {
			continue
		}
		for _, b := range d.blocks {
			f.Add(b)
			n++
		}
	}
	if n < 50 {
		f.Fatalf("only %d seeds", n)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		if p, key, err := parseSPKI(der); err == nil {
			if kind, ok := map[part]Kind{partMLDSA: Sign, partSLH: Root, partMLKEM: KEM}[p]; ok {
				if pub, err := publicFromRaw(kind, key); err == nil && string(pub.DER()) != string(der) {
					t.Errorf("SPKI re-encodes to %x", pub.DER())
				}
			}
		}
		if p, seed, err := parsePKCS8(der); err == nil && len(der) < 1000 { // longer: with expanded key
			if again, err := marshalPKCS8(p, seed); err != nil || string(again) != string(der) {
				t.Errorf("PKCS#8 re-encodes to %x, %v", again, err)
			}
		}
		parseProtection(der) // re-encodes by itself
	})
}
