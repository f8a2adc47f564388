package guard

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	aliceToken = "0123456789abcdef0123456789abcdef"
	bobToken   = "fedcba9876543210fedcba9876543210"
)

func operators(t *testing.T) Tokens {
	t.Helper()
	tokens, err := ParseTokens([]byte("# operators\n\nalice " + aliceToken + "\nBob.2\t" + bobToken + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestTokens(t *testing.T) {
	tokens := operators(t)
	if tokens.Len() != 2 {
		t.Errorf("%d tokens", tokens.Len())
	}
	for header, want := range map[string]string{
		"Bearer " + aliceToken: "alice", "bearer " + bobToken: "Bob.2",
		"": "", "Bearer": "", "Bearer ": "", aliceToken: "", "Basic " + aliceToken: "", "Bearer  " + aliceToken: "", "Bearer " + aliceToken + " ": "",
		"Bearer " + strings.ToUpper(aliceToken): "", "Bearer " + strings.Repeat("x", 1<<20): "",
	} {
		if who, ok := tokens.who(header); who != want || ok != (want != "") {
			t.Errorf("%.60q is %q, %v", header, who, ok)
		}
	}
	// Every truncation and every changed byte of a token is nobody.
	for i := range aliceToken {
		changed := []byte(aliceToken)
		changed[i] ^= 1
		for _, token := range []string{aliceToken[:i], string(changed)} {
			if who, ok := tokens.who("Bearer " + token); ok {
				t.Errorf("%q is %q", token, who)
			}
		}
	}
	if _, ok := (Tokens{}).who("Bearer " + aliceToken); ok {
		t.Error("no tokens know someone")
	}
}

func TestParseTokensRefuses(t *testing.T) {
	for _, data := range []string{"", "# nobody\n", "alice\n", "alice short\n", "alice " + aliceToken + " more\n", "al/ice " + aliceToken + "\n",
		"alice " + aliceToken + "\nalice " + bobToken + "\n", "alice " + aliceToken + "\nbob " + aliceToken + "\n", "alice " + strings.Repeat("x", 257) + "\n",
		"alice " + aliceToken + "\x7f\n", "alice " + aliceToken + "\x00\n"} {
		_, err := ParseTokens([]byte(data))
		if err == nil {
			t.Errorf("%q is accepted", data)
		} else if strings.Contains(err.Error(), aliceToken) {
			t.Errorf("the error tells the token: %v", err)
		}
	}
}

func FuzzParseTokens(f *testing.F) {
	f.Add([]byte("alice "+aliceToken), "Bearer "+aliceToken)
	f.Add([]byte("# x\n\n"), "")
	f.Add([]byte("a 1\nb 2"), "Basic x")
	f.Fuzz(func(t *testing.T, data []byte, header string) {
		tokens, err := ParseTokens(data)
		if err != nil {
			return
		}
		if who, ok := tokens.who(header); ok && !strings.Contains(string(data), who) {
			t.Errorf("%q is %q", header, who)
		}
	})
}

func TestReadTokens(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tokens")
	if err := os.WriteFile(path, []byte("alice "+aliceToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if tokens, err := ReadTokens(path); err != nil || tokens.Len() != 1 {
		t.Error(tokens.Len(), err)
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o604, 0o640, 0o660, 0o644} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadTokens(path); !errors.Is(err, ErrTokensExposed) {
				t.Errorf("mode %o: %v", mode, err)
			}
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := ReadTokens(path); err == nil {
			t.Errorf("%s was read", path)
		}
	}
}

func TestCheckControlAddress(t *testing.T) {
	for _, tt := range []struct {
		address     string
		tokens, tls bool
		ok          bool
	}{
		{"127.0.0.1:0", false, false, true}, {"[::1]:9000", false, false, true}, {"localhost:9000", false, false, true}, {"127.8.8.8:1", false, false, true}, {"[::ffff:127.0.0.1]:1", false, false, true},
		{":9000", false, false, false}, {"0.0.0.0:9000", true, false, false}, {"10.0.0.1:9000", false, true, false}, {"10.0.0.1:9000", true, true, true},
		{"admin.example:9000", true, false, false}, {"localhost.example:9000", false, false, false}, {"[::]:1", true, true, true}, {"9000", true, true, false},
	} {
		if err := CheckControlAddress(tt.address, tt.tokens, tt.tls); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
