package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dom opens a page in a browser, from a file, and returns what became of it. The test fails where the browser complains.
func dom(t *testing.T, page string) string {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CQKIT_REQUIRE") == "all" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed: pages are not looked at in a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking",
		"--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+page)
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	for line := range strings.Lines(errs.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the browser says: %s", line)
		}
	}
	return out.String()
}

// TestPages looks at the pages in a browser: they need nothing else, and have the plots they should have.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	saved := []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json"), filepath.Join(dir, "c<script>.json")}
	for _, tt := range []struct {
		name   string
		args   []string
		charts int
		has    []string
	}{
		{"keys", []string{"keys", "--only", "hmac/,mldsa87/sign", "--time", "20ms", "--save", saved[0]}, 3, []string{"How operations of mldsa87/sign differ", "hmac/280"}},
		{"limits", []string{"limits", "--cpu", "1,2", "--only", "gcra/one,gcra/one/2", "--time", "20ms"}, 1, []string{"How times are spread: gcra"}},
		{"history", []string{"history", saved[0], saved[1], saved[2]}, 2, []string{"−10 %", "c&lt;script&gt;.json"}},
		{"link", []string{"link", "--link", "sik"}, 0, []string{"signed command"}},
	} {
		page := filepath.Join(dir, tt.name+".html")
		if code, stdout, stderr := run(t, t.Context(), append(tt.args, "--format", "html", "-o", page)...); code != 0 {
			t.Fatalf("%s: exit code %d\n%s%s", tt.name, code, stdout, stderr)
		}
		if tt.name == "keys" { // the same, later
			data, err := os.ReadFile(saved[0])
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range saved[1:] {
				if err := os.WriteFile(name, data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		text := dom(t, page)
		if n := strings.Count(text, "<svg"); n < tt.charts {
			t.Errorf("%s: %d pictures, want %d", tt.name, n, tt.charts)
		}
		for _, want := range tt.has {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q", tt.name, want)
			}
		}
		for _, bad := range []string{"<script", "NaN", "Infinity", "http://", "https://"} {
			if strings.Contains(strings.ReplaceAll(text, "http://www.w3.org", ""), bad) {
				t.Errorf("%s: there is %q", tt.name, bad)
			}
		}
	}
}
