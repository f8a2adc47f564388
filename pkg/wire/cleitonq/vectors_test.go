package cleitonq_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"cqkit/pkg/keccak"
	"cqkit/pkg/keyfile"
	"cqkit/pkg/pqsig"
	. "cqkit/pkg/wire/cleitonq"
)

// vectors calls fn with the vectors of a file: the few that come with the package, and all of
// them if they lie beside the repository, where ../../../../shared/data/vectors/MANIFEST.md says
// where they are from. binding.json was made by running CleitonQ, derived.json from its
// source.
func vectors[T any](t *testing.T, name string, fn func(t *testing.T, all bool, file *T)) {
	shared := filepath.Join("..", "..", "..", "..", "shared", "data", "vectors", "cleitonq")
	for dir, all := range map[string]bool{"testdata": false, shared: true} {
		t.Run(map[bool]string{false: "few", true: "all"}[all], func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if all && err != nil {
				t.Skipf("the shared vectors are not beside this checkout: %v", err)
			}
			file := new(T)
			if err == nil {
				err = json.Unmarshal(data, file)
			}
			if err != nil {
				t.Fatal(err)
			}
			fn(t, all, file)
		})
	}
}

// hexed is bytes written as hexadecimal digits.
type hexed []byte

func (h *hexed) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// number is an integer written as one or as a string.
type number uint64

func (n *number) UnmarshalJSON(text []byte) error {
	_, err := fmt.Sscan(string(bytes.Trim(text, `"`)), (*uint64)(n))
	return err
}

func session(b hexed) *[KeySize]byte { return (*[KeySize]byte)(b) }

var domains = map[string]Domain{"c2": C2, "telemetry": Telemetry, "mesh": Mesh}

func signer(t testing.TB, seed []byte) *pqsig.PrivateKey {
	t.Helper()
	// as CleitonQ's own key file
	file, err := keyfile.Parse(seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := file.Private.Signer()
	public, err := keyfile.Parse(key.Public().Bytes(), nil)
	if err != nil || !public.Public.Verifier().Equal(key.Public()) {
		t.Fatalf("CleitonQ's verifying key file: %v", err)
	}
	return key
}

type bindingFile struct {
	Channel []struct {
		SessionKey  hexed `json:"session_key"`
		Domain      string
		Payload     hexed
		Nonce       number
		Packet      hexed
		VerifyLast0 bool `json:"verify_last0"`
	}
	ChannelReject []struct {
		Case       string
		Accepted   bool
		SessionKey hexed `json:"session_key"`
		Domain     string
		Packet     hexed
		LastNonce  number `json:"last_nonce"`
	} `json:"channel_reject"`
	DSA []struct {
		Seed, Payload, Packet hexed
		Nonce                 number
	}
	KEM []struct {
		Seed          hexed `json:"dk_seed"`
		EK, CT, SS    hexed
		CTBad         hexed `json:"ct_bad"`
		SSBad         hexed `json:"ss_bad"`
		Deterministic bool
	}
}

func TestBinding(t *testing.T) { vectors(t, "binding.json", testBinding) }

func testBinding(t *testing.T, all bool, file *bindingFile) {
	if all && len(file.Channel) < 100 || len(file.Channel) < 10 || len(file.ChannelReject) < 4 || all && len(file.DSA) < 18 || len(file.DSA) < 2 || len(file.KEM) < 1 {
		t.Fatal("vectors are missing")
	}
	for i, v := range file.Channel {
		c := NewChannel(session(v.SessionKey), domains[v.Domain])
		if got := c.Append([]byte("x"), v.Payload, uint64(v.Nonce)); !bytes.Equal(got[1:], v.Packet) {
			t.Errorf("channel %d: made %x, want %x", i, got[1:], v.Packet)
		}
		payload, nonce, err := c.Open(v.Packet, 0)
		if (err == nil) != v.VerifyLast0 || !bytes.Equal(payload, v.Payload) || nonce != uint64(v.Nonce) {
			t.Errorf("channel %d: opened %x, %d, %v", i, payload, nonce, err)
		}
	}
	for _, v := range file.ChannelReject {
		_, _, err := NewChannel(session(v.SessionKey), domains[v.Domain]).Open(v.Packet, uint64(v.LastNonce))
		if (err == nil) != v.Accepted {
			t.Errorf("channel, %s: %v", v.Case, err)
		}
	}
	for i, v := range file.DSA {
		key := signer(t, v.Seed)
		got, err := SignPacket(Deterministic(key), v.Payload, uint64(v.Nonce))
		if err != nil || !bytes.Equal(got, v.Packet) {
			t.Errorf("packet %d: another one was made, %v", i, err)
		}
		for _, packet := range [][]byte{v.Packet, hedged(t, key, v.Payload, uint64(v.Nonce))} {
			payload, nonce, err := OpenPacket(key.Public(), packet, uint64(v.Nonce)-1)
			if err != nil || !bytes.Equal(payload, v.Payload) || nonce != uint64(v.Nonce) {
				t.Errorf("packet %d: opened %x, %d, %v", i, payload, nonce, err)
			}
			if _, _, err := OpenPacket(key.Public(), packet, uint64(v.Nonce)); err != ErrReplayed {
				t.Errorf("packet %d again: %v", i, err)
			}
		}
	}
	for i, v := range file.KEM {
		private, err := keyfile.Parse(v.Seed, nil)
		if err != nil {
			t.Fatal(err)
		}
		public, err := keyfile.Parse(v.EK, nil)
		if err != nil || !public.Public.KEM().Equal(private.Private.KEM().Public()) {
			t.Errorf("KEM %d: the public key is another: %v", i, err)
		}
		for _, c := range []struct{ ct, ss hexed }{{v.CT, v.SS}, {v.CTBad, v.SSBad}} {
			if got, err := Decapsulate(private.Private.KEM(), c.ct); err != nil || !bytes.Equal(got[:], c.ss) {
				t.Errorf("KEM %d: got %x, %v, want %x", i, got, err, c.ss)
			}
		}
		key, ct, err := Encapsulate(public.Public.KEM())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decapsulate(private.Private.KEM(), ct); err != nil || got != key {
			t.Errorf("KEM %d: encapsulated %x, decapsulated %x, %v", i, key, got, err)
		}
	}
}

func hedged(t *testing.T, key *pqsig.PrivateKey, payload []byte, nonce uint64) []byte {
	t.Helper()
	packet, err := SignPacket(key, payload, nonce)
	if err != nil {
		t.Fatal(err)
	}
	return packet
}

type derivedFile struct {
	Sealed []struct {
		SessionKey hexed `json:"session_key"`
		Domain     string
		Payload    hexed
		Counter    number
		SealKey    hexed `json:"seal_key"`
		Packet     hexed
	}
	Rotation []struct {
		KeyID                 number `json:"key_id"`
		Seed, Payload, Packet hexed
		Nonce                 number
	}
	Hybrid []struct {
		X25519     hexed `json:"x25519_ss"`
		MLKEM      hexed `json:"ml_kem_ss"`
		SessionKey hexed `json:"session_key"`
	} `json:"hybrid_kdf"`
	Anchor []struct {
		Flavour            string
		Seed               hexed
		Count              number
		AnchorNonce        number `json:"anchor_nonce"`
		WindowStart        number `json:"window_start"`
		WindowEnd          number `json:"window_end"`
		MACs               hexed
		Commitment, Anchor hexed
	}
	TAP []struct {
		SessionKey      hexed `json:"session_key"`
		Nonce           number
		Payload, Packet hexed
	} `json:"tap_mac"`
}

func TestDerived(t *testing.T) { vectors(t, "derived.json", testDerived) }

func testDerived(t *testing.T, all bool, file *derivedFile) {
	if all && (len(file.Sealed) < 36 || len(file.Rotation) < 6 || len(file.Anchor) < 6) || len(file.Sealed) < 6 || len(file.Rotation) < 1 || len(file.Hybrid) < 2 || len(file.Anchor) < 2 || len(file.TAP) < 3 {
		t.Fatal("vectors are missing")
	}
	for i, v := range file.Sealed {
		for _, s := range []*Sealer{NewSealer(session(v.SessionKey), domains[v.Domain]), SealerOfKey(session(v.SealKey), domains[v.Domain])} {
			if got := s.Append([]byte("x"), v.Payload, uint64(v.Counter)); !bytes.Equal(got[1:], v.Packet) {
				t.Errorf("sealed %d: made %x, want %x", i, got[1:], v.Packet)
			}
			payload, counter, err := s.Open(v.Packet, uint64(v.Counter)-1)
			if err != nil || !bytes.Equal(payload, v.Payload) || counter != uint64(v.Counter) {
				t.Errorf("sealed %d: opened %x, %d, %v", i, payload, counter, err)
			}
			if _, _, err := s.Open(v.Packet, uint64(v.Counter)); err != ErrReplayed {
				t.Errorf("sealed %d again: %v", i, err)
			}
		}
	}
	for i, v := range file.Rotation {
		key := signer(t, v.Seed)
		got, err := SignRotating(Deterministic(key), uint32(v.KeyID), v.Payload, uint64(v.Nonce))
		if err != nil || !bytes.Equal(got, v.Packet) {
			t.Errorf("rotating %d: another one was made, %v", i, err)
		}
		var r Registry
		r.Register(uint32(v.KeyID), key.Public())
		id, payload, nonce, err := r.Open(v.Packet, 0)
		if err != nil || id != uint32(v.KeyID) || !bytes.Equal(payload, v.Payload) || nonce != uint64(v.Nonce) {
			t.Errorf("rotating %d: opened %d, %x, %d, %v", i, id, payload, nonce, err)
		}
	}
	for i, v := range file.Hybrid {
		if got := HybridKey(session(v.X25519), session(v.MLKEM)); !bytes.Equal(got[:], v.SessionKey) {
			t.Errorf("hybrid %d: got %x, want %x", i, got, v.SessionKey)
		}
	}
	for i, v := range file.Anchor {
		archive := []byte(v.MACs)
		if archive == nil { // by macs_rule: the tags of CMD#1, CMD#2 and so on
			mac := keccak.NewHMAC(bytes.Repeat([]byte{0x42}, 32))
			for n := uint64(1); n <= uint64(v.Count); n++ {
				tag := mac.Tag(binary.LittleEndian.AppendUint64(fmt.Appendf(nil, "CMD#%d", n), n))
				archive = append(archive, tag[:]...)
			}
		}
		key := signer(t, v.Seed)
		want := Anchor{Nonce: uint64(v.AnchorNonce), Start: uint64(v.WindowStart), End: uint64(v.WindowEnd), Count: uint32(v.Count), Commitment: [32]byte(v.Commitment)}
		if commitment, count, err := Commit(archive); err != nil || commitment != want.Commitment || count != want.Count {
			t.Errorf("anchor %d: committed to %x, %d, %v", i, commitment, count, err)
		}
		made, err := want.Sign(Deterministic(key))
		if err != nil || !bytes.Equal(made, v.Anchor) {
			t.Errorf("anchor %d: another one was made, %v", i, err)
		}
		got, err := OpenAnchor(key.Public(), v.Anchor, want.Nonce-1)
		if err != nil || *got != want || !got.Commits(archive) || !got.Counts(archive) {
			t.Errorf("anchor %d: opened %+v, %v", i, got, err)
		}
		if _, err := OpenAnchor(key.Public(), v.Anchor, want.Nonce); err != ErrReplayed {
			t.Errorf("anchor %d again: %v", i, err)
		}
		archive[len(archive)-1] ^= 1
		if got.Commits(archive) {
			t.Errorf("anchor %d commits to another archive", i)
		}
	}
	for i, v := range file.TAP {
		tap := NewTAP(session(v.SessionKey))
		if got, err := tap.Append([]byte("x"), v.Payload, uint64(v.Nonce)); err != nil || !bytes.Equal(got[1:], v.Packet) {
			t.Errorf("TAP %d: made %x, %v, want %x", i, got[1:], err, v.Packet)
		}
		payload, nonce, err := tap.Open(v.Packet, 0)
		if err != nil || !bytes.Equal(payload, v.Payload) || nonce != uint64(v.Nonce) {
			t.Errorf("TAP %d: opened %x, %d, %v", i, payload, nonce, err)
		}
	}
}
