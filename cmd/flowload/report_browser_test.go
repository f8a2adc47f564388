package main

import (
	"bytes"
	"context"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReportInABrowser looks at pages in a headless Chromium: it complains about nothing, runs nothing of what
// strangers wrote, and draws curves.
func TestReportInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds to start")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CQKIT_REQUIRE") == "all" {
			t.Fatal("chromium is not installed")
		}
		t.Skip("chromium is not installed: pages are not looked at in a browser")
	}
	page := filepath.Join(t.TempDir(), "page.html")
	if code, _, stderr := runReport(t, "report", "--format", "html", "-o", page, "testdata/results/bad.flr", "testdata/results/find.flr"); code != 0 {
		t.Fatal(stderr)
	}
	picture := filepath.Join(t.TempDir(), "page.png")
	for _, option := range []string{"--dump-dom", "--screenshot=" + picture} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking",
			"--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--window-size=1100,3400", option, "file://"+page)
		cmd.WaitDelay = 5 * time.Second
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, &errs)
		}
		for line := range strings.Lines(errs.String()) {
			if strings.Contains(line, "CONSOLE") {
				t.Errorf("the browser says %s", line)
			}
		}
		if option == "--dump-dom" {
			dom := out.String()
			if strings.Contains(dom, "<script") || !strings.Contains(dom, "&lt;script&gt;") || strings.Count(dom, "<svg") < 10 {
				t.Errorf("%d pictures in\n%.2000s", strings.Count(dom, "<svg"), dom)
			}
		}
	}
	data, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	colors := map[color.Color]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			colors[img.At(x, y)]++
		}
	}
	// Paper, the box of a failure, and the curves' colours.
	if len(colors) < 20 || colors[color.RGBA{255, 255, 255, 255}] == 0 {
		t.Errorf("%d colours", len(colors))
	}
}
