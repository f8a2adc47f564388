package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"cqkit/cmd/internal/cli/clitest"
)

// browser finds a Chromium, or skips the test.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CQKIT_REQUIRE") == "all" {
		t.Fatal("chromium is not installed")
	}
	t.Skip("chromium is not installed: pages are not looked at in a browser")
	return ""
}

// visit lets the browser do something with a page, from a file, and returns what it
// printed. The test fails where the browser complains about the page.
func visit(t *testing.T, chromium, page string, args ...string) []byte {
	t.Helper()
	out, complaints := look(t, chromium, page, args...)
	if len(complaints) > 0 {
		t.Errorf("the browser says of %s: %q", filepath.Base(page), complaints)
	}
	return out
}

// look is visit that returns what the browser complains about: that a page tried what
// its policy forbids is among it.
func look(t *testing.T, chromium, page string, args ...string) (stdout []byte, complaints []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	all := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--enable-logging=stderr", "--user-data-dir=" + t.TempDir(), "--window-size=1100,1600"}
	cmd := exec.CommandContext(ctx, chromium, append(append(all, args...), "file://"+page)...)
	cmd.WaitDelay = 5 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, &errs)
	}
	for line := range strings.Lines(errs.String()) {
		if strings.Contains(line, "CONSOLE") {
			complaints = append(complaints, line)
		}
	}
	return out.Bytes(), complaints
}

// screenshot takes a picture of a page.
func screenshot(t *testing.T, chromium, page string, args ...string) image.Image {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.png")
	visit(t, chromium, page, append(args, "--screenshot="+file)...)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// colorsOf counts the pixels of each colour.
func colorsOf(img image.Image) map[color.RGBA]int {
	n := map[color.RGBA]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			n[color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)]++
		}
	}
	return n
}

// writePages makes pages of a log that is as it was sealed, of one that was altered, and
// of one by strangers who want to be more than text.
func writePages(t *testing.T) (valid, altered, hostile string) {
	t.Helper()
	dir := t.TempDir()
	bin := clitest.Build(t, "cqkeygen", "cqsign")
	exe := func(name string, args ...string) {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	mangle := func(args ...string) {
		if err := mangleLog(args); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "logs", "copter.tlog"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in("flight.tlog"), data, 0o666); err != nil {
		t.Fatal(err)
	}
	exe("cqkeygen", "-o", "pilot")
	exe("cqsign", "-k", "pilot.key", "flight.tlog")
	mangle("drop", "1000-1999", in("flight.tlog"), in("1.tlog"))
	mangle("change", "200-400", in("1.tlog"), in("2.tlog"))
	mangle("double", "3000-3100", in("2.tlog"), in("altered.tlog"))
	// File names cannot hold a slash; texts and signers can.
	text := `<script>document.title='owned'</script>`
	name := in(`<svg onload=document.title='owned'><style>body{display:none}.tlog`)
	mangle("text", text, name)
	exe("cqsign", "-k", "pilot.key", "--name", `"><script>document.title='owned'</script>`, name)
	page := func(to string, want int, args ...string) string {
		to = in(to)
		if code, _, stderr := run(t.Context(), nil, append(args, "--html", to)...); code != want {
			t.Fatalf("%q: exit code %d\n%s", args, code, stderr)
		}
		return to
	}
	return page("valid.html", 0, "-k", in("pilot.pub"), in("flight.tlog")),
		page("altered.html", 1, "-k", in("pilot.pub"), "-s", in("flight.tlog.cqseal"), in("altered.tlog")),
		page("hostile.html", 0, "-k", in("pilot.pub"), name)
}

func TestPagesInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes seconds to start")
	}
	chromium := browser(t)
	valid, altered, hostile := writePages(t)
	const dark = "--blink-settings=preferredColorScheme=0"
	white, night := color.RGBA{0xff, 0xff, 0xff, 0xff}, color.RGBA{0x0d, 0x11, 0x17, 0xff}
	for _, tt := range []struct {
		name, page string
		args       []string
		background color.RGBA
		has        []color.RGBA
		hasNot     []color.RGBA
	}{
		{"valid", valid, nil, white, []color.RGBA{{0x2d, 0xa4, 0x4e, 0xff}}, []color.RGBA{{0xd1, 0x24, 0x2f, 0xff}, night}},
		{"altered", altered, nil, white, []color.RGBA{{0x2d, 0xa4, 0x4e, 0xff}, {0xd1, 0x24, 0x2f, 0xff}, {0x82, 0x50, 0xdf, 0xff}}, nil},
		{"valid in the dark", valid, []string{dark}, night, []color.RGBA{{0x2f, 0x9e, 0x4f, 0xff}}, []color.RGBA{{0xff, 0x6b, 0x64, 0xff}, white}},
		{"altered in the dark", altered, []string{dark}, night, []color.RGBA{{0x2f, 0x9e, 0x4f, 0xff}, {0xff, 0x6b, 0x64, 0xff}, {0xb3, 0x92, 0xf0, 0xff}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := screenshot(t, chromium, tt.page, tt.args...)
			colors := colorsOf(img)
			if n, all := colors[tt.background], img.Bounds().Dx()*img.Bounds().Dy(); n < all/3 {
				t.Errorf("%d of %d pixels have the background's colour %v", n, all, tt.background)
			}
			for _, c := range tt.has {
				if colors[c] < 30 {
					t.Errorf("%d pixels are %v", colors[c], c)
				}
			}
			for _, c := range tt.hasNot {
				if colors[c] > 0 {
					t.Errorf("%d pixels are %v", colors[c], c)
				}
			}
		})
	}
	t.Run("what the browser makes of it", func(t *testing.T) {
		for _, page := range []string{valid, altered, hostile} {
			dom := string(visit(t, chromium, page, "--dump-dom"))
			for _, not := range []string{"<script", "<img", "owned</title>", "<style>body", "NaN"} {
				if strings.Contains(dom, not) {
					t.Errorf("%s: %q is in the document", filepath.Base(page), not)
				}
			}
			if tag := regexp.MustCompile(`<[^>]*\son[a-z]+=`).FindString(dom); tag != "" {
				t.Errorf("%s: %q is in the document", filepath.Base(page), tag)
			}
			if !strings.Contains(dom, "</html>") || strings.Count(dom, "<main>") != 1 {
				t.Errorf("%s: no whole document: %.200s", filepath.Base(page), dom)
			}
		}
	})
	t.Run("the policy", func(t *testing.T) { // keeps out what escaping would have let through
		data, err := os.ReadFile(valid)
		if err != nil {
			t.Fatal(err)
		}
		slipped := `<script>document.title='owned'</script><img src="x.png"><p style="color:red">red</p><h2>`
		page := filepath.Join(t.TempDir(), "slipped.html")
		if err := os.WriteFile(page, bytes.Replace(data, []byte("<h2>"), []byte(slipped), 1), 0o666); err != nil {
			t.Fatal(err)
		}
		dom, complaints := look(t, chromium, page, "--dump-dom")
		if !bytes.Contains(dom, []byte("flight.tlog</title>")) {
			t.Error("a script changed the page")
		}
		if len(complaints) < 3 {
			t.Errorf("of a script, a picture and a style the browser says only %q", complaints)
		}
	})
	t.Run("on paper", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "page.pdf")
		visit(t, chromium, altered, dark, "--no-pdf-header-footer", "--print-to-pdf="+file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(data, -1))
		if !bytes.HasPrefix(data, []byte("%PDF-")) || pages < 2 || pages > 12 {
			t.Errorf("%d bytes, %d pages", len(data), pages)
		}
	})
}
