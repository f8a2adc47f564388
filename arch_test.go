package cqkit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A layer says what a package may import of this module.
type layer string

const (
	base      layer = "base"      // nothing, and is hidden below pkg/internal
	primitive layer = "primitive" // base
	domain    layer = "domain"    // primitives
	measured  layer = "measured"  // primitives, domain: what is timed
	house     layer = "house"     // the primitives and house packages named with it
	command   layer = "command"   // house, measured, domain, primitives
	testing_  layer = "testing"   // house, and imported by tests only
)

// packages are all packages there are and will be. A package missing here fails
// the test; the table changes by decision, never to pass a build.
var packages = map[string]layer{
	"pkg/internal/avx": base, // vector registers left as they were found

	"pkg/aead":       primitive, // ChaCha20-Poly1305 under counted nonces
	"pkg/align":      primitive, // what became of a sequence of hashes
	"pkg/atomicfile": primitive, // files that appear whole or not at all
	"pkg/chunk":      primitive,
	"pkg/gcra":       primitive,
	"pkg/infer":      primitive, // a rate limit, from what it admitted and when
	"pkg/keccak":     primitive,
	"pkg/latency":    primitive,
	"pkg/mav":        primitive,
	"pkg/merkle":     primitive, // RFC 6962 hashing, several leaves at once
	"pkg/nonce":      primitive,
	"pkg/pqkem":      primitive,
	"pkg/pqsig":      primitive,
	"pkg/report":     primitive,
	"pkg/stat":       primitive,
	"pkg/target":     primitive, // an HTTP handler of known capacity, to try loads and limits on
	"pkg/tlog":       primitive,
	"pkg/trust":      primitive,
	"pkg/vegas":      primitive,

	"pkg/bench":         domain,
	"pkg/guard":         domain,
	"pkg/keyfile":       domain,
	"pkg/load":          domain,
	"pkg/probe":         domain, // an endpoint's own rate limit, by asking it
	"pkg/replay":        domain,
	"pkg/seal":          domain,
	"pkg/store":         domain,
	"pkg/survey":        domain, // what is in a log, over tlog and mav
	"pkg/wire":          domain, // our signed commands, sessions, packets, anchors
	"pkg/wire/cleitonq": domain, // the same of CleitonQ, byte for byte

	"pkg/bench/figures": measured,  // what cqbench, go test -bench and the comparisons with peers time
	"pkg/bench/link":    primitive, // what a link carries, and what authentication takes of it

	"cmd/internal/cli":         house,
	"cmd/internal/cli/clitest": testing_,
	"cmd/internal/keyring":     house, // the keys, trust files and revocation lists that -k names; seeds in tokens
	"cmd/internal/logfile":     house, // logs as the commands are given them: files, folders, "-"

	"cmd/cqbench":  command,
	"cmd/cqkeygen": command,
	"cmd/cqsign":   command,
	"cmd/cqverify": command,
	"cmd/flowload": command,
}

// houseImports is what the house packages use of this module.
var houseImports = map[string][]string{
	"cmd/internal/cli":         {"pkg/atomicfile", "pkg/report"}, // writing files; cleaning messages
	"cmd/internal/cli/clitest": {"cmd/internal/cli"},
	"cmd/internal/keyring":     {"cmd/internal/cli", "pkg/keyfile", "pkg/nonce", "pkg/pqsig", "pkg/trust"},
	"cmd/internal/logfile":     {"cmd/internal/cli"},
}

// libraries are the third-party libraries, by the longest prefix that fits, each
// with the one package that imports it. None is in that package's exported API.
var libraries = map[string]string{
	"github.com/bluenviron/gomavlib/v3":     "pkg/mav",
	"github.com/cloudflare/circl/kem":       "pkg/pqkem",
	"github.com/cloudflare/circl/sign":      "pkg/pqsig",
	"github.com/cloudflare/circl/simd":      "pkg/keccak",
	"github.com/gofrs/flock":                "pkg/nonce",
	"github.com/olekukonko/tablewriter":     "pkg/report",
	"github.com/rogpeppe/go-internal":       "cmd/internal/cli/clitest",
	"go.step.sm/crypto/pemutil":             "pkg/keyfile",
	"golang.org/x/mod/sumdb":                "pkg/seal",
	"github.com/jackc/pgx/v5":               "pkg/store",
	"github.com/nats-io/nats.go":            "pkg/store",
	"github.com/prometheus/client_golang":   "pkg/guard",
	"github.com/redis/go-redis/v9":          "pkg/store",
	"go.opentelemetry.io/otel":              "pkg/guard",
	"golang.org/x/crypto":                   "pkg/aead",
	"golang.org/x/net":                      "pkg/load",
	"golang.org/x/perf/benchmath":           "pkg/stat",
	"golang.org/x/term":                     "cmd/internal/cli",
	"github.com/spf13/cobra":                anyCommand,
	"github.com/spf13/pflag":                anyCommand, // cobra's flags
	"golang.org/x/sys":                      anyPackage, // the rest of package syscall
	"github.com/santhosh-tekuri/jsonschema": testsOnly,
	"filippo.io/mldsa":                      testsOnly, // the second ML-DSA, to check the first
	"github.com/HdrHistogram":               testsOnly, // reads what pkg/latency exports
	"github.com/coder/websocket":            testsOnly,
	"github.com/nats-io/nats-server/v2":     testsOnly,
	"github.com/prometheus/common":          "pkg/guard", // in its tests only; client_golang has it, too
	"go.opentelemetry.io/otel/sdk":          testsOnly,
}

const (
	anyCommand = "cmd/..."
	anyPackage = "..."
	testsOnly  = "tests"
)

// notInPkg are the functions and variables that packages under pkg do without:
// they return values, and cmd prints them, reads the environment and exits.
var notInPkg = map[string][]string{
	"fmt": {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	"os": {"Exit", "Args", "Stdin", "Stdout", "Stderr", "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv",
		"Unsetenv", "Clearenv", "Chdir"},
	"syscall": {"Getenv", "Exit", "Environ"},
	"runtime": {"Goexit"},
}

// notInPrimitives is the clock: time is an argument to primitives.
var notInPrimitives = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
}

// outermost are the files of primitives that hold an outermost loop, something that
// waits for a caller, and so may read a clock.
var outermost = []string{
	"pkg/target/handler.go", // a server: it works on a request for a time
	"pkg/target/listen.go",  // and is away for a time
	"pkg/vegas/gate.go",     // Acquire and Do
	"pkg/vegas/queue.go",    // what waits in them
}

// notImported are standard packages that nothing under pkg imports; only pkg/guard is
// handed a logger, because what it decides happens while a request is served.
var notImported = []string{"flag", "log", "log/slog", "os/signal", "testing"}

// source is a package of this module with its parsed files.
type source struct {
	path  string // below the module, such as "pkg/tlog"
	files map[string]*ast.File
	tests map[string]*ast.File
	set   *token.FileSet
}

// sources lists the module's packages with go list and parses all their files,
// also those that are built elsewhere.
func sources(t *testing.T) []source {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles,CgoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []source
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir                                              string
			GoFiles, IgnoredGoFiles, CgoFiles, TestGoFiles, XTestGoFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		s := source{path: strings.TrimPrefix(p.ImportPath, "cqkit/"), files: map[string]*ast.File{}, tests: map[string]*ast.File{}, set: token.NewFileSet()}
		for _, name := range slices.Concat(p.GoFiles, p.IgnoredGoFiles, p.CgoFiles, p.TestGoFiles, p.XTestGoFiles) {
			file, err := parser.ParseFile(s.set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(name, "_test.go") {
				s.tests[name] = file
			} else {
				s.files[name] = file
			}
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo", s.path)
		}
		if s.path != "cqkit" { // the tests you are reading
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		t.Fatal("go list found no packages")
	}
	return list
}

// imports returns what files import, with a file that does.
func imports(files map[string]*ast.File) map[string]string {
	found := map[string]string{}
	for name, file := range files {
		for _, spec := range file.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			found[p] = name
		}
	}
	return found
}

func TestImportsPointDown(t *testing.T) {
	for _, s := range sources(t) {
		own, known := packages[s.path]
		if !known {
			t.Errorf("%s is not in the table of packages", s.path)
			continue
		}
		for imported, file := range imports(s.files) {
			inner, ok := strings.CutPrefix(imported, "cqkit/")
			if !ok {
				continue
			}
			allowed := false
			switch other := packages[inner]; own {
			case primitive:
				allowed = other == base
			case domain:
				allowed = other == primitive
			case measured:
				allowed = other == primitive || other == domain
			case house, testing_:
				allowed = slices.Contains(houseImports[s.path], inner)
			case command:
				allowed = other == primitive || other == domain || other == house || other == measured
			}
			if !allowed {
				t.Errorf("%s/%s: a %s may not import %s, a %s", s.path, file, own, inner, packages[inner])
			}
		}
		for imported, file := range imports(s.tests) {
			inner, ok := strings.CutPrefix(imported, "cqkit/")
			if ok && strings.HasPrefix(s.path, "pkg/") && strings.HasPrefix(inner, "cmd/") {
				t.Errorf("%s/%s: a test under pkg imports %s", s.path, file, inner)
			}
		}
	}
}

// library returns the entry of libraries that import path p belongs to.
func library(p string) string {
	best := ""
	for prefix := range libraries {
		if (p == prefix || strings.HasPrefix(p, prefix+"/")) && len(prefix) > len(best) {
			best = prefix
		}
	}
	return best
}

func thirdParty(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return strings.Contains(first, ".")
}

func TestLibrariesHaveOneImporter(t *testing.T) {
	for _, s := range sources(t) {
		for imported, file := range imports(s.files) {
			if !thirdParty(imported) {
				continue
			}
			name := library(imported)
			switch importer := libraries[name]; importer {
			case "":
				t.Errorf("%s/%s: %s is not in the table of libraries", s.path, file, imported)
			case anyPackage, s.path:
			case anyCommand:
				if !strings.HasPrefix(s.path, "cmd/") {
					t.Errorf("%s/%s: only cmd imports %s", s.path, file, name)
				}
			default:
				t.Errorf("%s/%s: %s is imported by %s only", s.path, file, name, importer)
			}
		}
		for imported, file := range imports(s.tests) {
			if thirdParty(imported) && library(imported) == "" {
				t.Errorf("%s/%s: %s is not in the table of libraries", s.path, file, imported)
			}
		}
	}
}

func TestPkgReturnsValues(t *testing.T) {
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.path, "pkg/") {
			continue
		}
		for imported, file := range imports(s.files) {
			if slices.Contains(notImported, imported) && !(imported == "log/slog" && s.path == "pkg/guard") {
				t.Errorf("%s/%s: imports %s", s.path, file, imported)
			}
		}
		for name, file := range s.files {
			names := importNames(file)
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					id, ok := n.X.(*ast.Ident)
					if !ok {
						break
					}
					p := names[id.Name]
					if slices.Contains(notInPkg[p], n.Sel.Name) || packages[s.path] == primitive && slices.Contains(notInPrimitives[p], n.Sel.Name) && !slices.Contains(outermost, s.path+"/"+name) {
						t.Errorf("%s/%s:%d: uses %s.%s", s.path, name, s.set.Position(n.Pos()).Line, p, n.Sel.Name)
					}
				case *ast.CallExpr:
					if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "println" || id.Name == "print") {
						t.Errorf("%s/%s:%d: uses %s", s.path, name, s.set.Position(n.Pos()).Line, id.Name)
					}
				}
				return true
			})
		}
	}
}

var versionSuffix = regexp.MustCompile(`^v[0-9]+$`)

// importNames maps the names under which a file knows packages to their paths.
func importNames(file *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		name := path.Base(p)
		if versionSuffix.MatchString(name) {
			name = path.Base(path.Dir(p))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

func TestLibrariesStayOutOfTheAPI(t *testing.T) {
	for _, s := range sources(t) {
		if packages[s.path] != primitive && packages[s.path] != domain {
			continue
		}
		for name, file := range s.files {
			names := importNames(file)
			for _, decl := range file.Decls {
				for _, expr := range exported(decl) {
					ast.Inspect(expr, func(n ast.Node) bool {
						if sel, ok := n.(*ast.SelectorExpr); ok {
							if id, ok := sel.X.(*ast.Ident); ok && thirdParty(names[id.Name]) {
								t.Errorf("%s/%s:%d: %s.%s is in the exported API", s.path, name, s.set.Position(n.Pos()).Line, id.Name, sel.Sel.Name)
							}
						}
						return true
					})
				}
			}
		}
	}
}

// exported returns the type expressions of decl that a user of the package sees.
func exported(decl ast.Decl) []ast.Node {
	var found []ast.Node
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() {
			break
		}
		if d.Recv != nil && !exportedReceiver(d.Recv.List[0].Type) {
			break
		}
		found = append(found, d.Type)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				if spec.Type != nil && slices.ContainsFunc(spec.Names, (*ast.Ident).IsExported) {
					found = append(found, spec.Type)
				}
			case *ast.TypeSpec:
				if !spec.Name.IsExported() {
					break
				}
				st, ok := spec.Type.(*ast.StructType)
				if !ok {
					found = append(found, spec.Type)
					break
				}
				for _, field := range st.Fields.List {
					if len(field.Names) == 0 || slices.ContainsFunc(field.Names, (*ast.Ident).IsExported) {
						found = append(found, field.Type)
					}
				}
			}
		}
	}
	return found
}

func exportedReceiver(e ast.Expr) bool {
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// TestProgramsCarryNoTests keeps what only tests need out of the programs.
func TestProgramsCarryNoTests(t *testing.T) {
	var programs []string
	for _, s := range sources(t) {
		if packages[s.path] == command {
			programs = append(programs, "./"+s.path)
		}
	}
	cmd := exec.Command("go", append([]string{"list", "-deps"}, programs...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range strings.Fields(string(out)) {
		if p == "testing" || packages[strings.TrimPrefix(p, "cqkit/")] == testing_ || libraries[library(p)] == testsOnly {
			t.Errorf("a program contains %s", p)
		}
	}
}

// files visits the files of the tree.
func files(t *testing.T, visit func(name string, data []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() > 3_000_000 { // a program built here, at most
			return err
		}
		data, err := os.ReadFile(name)
		if err == nil {
			visit(filepath.ToSlash(name), data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesHaveOneSubject(t *testing.T) {
	files(t, func(name string, data []byte) {
		if lines := bytes.Count(data, []byte("\n")); strings.HasSuffix(name, ".go") && lines > 600 {
			t.Errorf("%s has %d lines: two subjects, as a rule", name, lines)
		}
	})
}

// TestNoMachinePaths finds what belongs to the machine something was made on.
func TestNoMachinePaths(t *testing.T) {
	var patterns []string
	add := func(p string) {
		p = filepath.ToSlash(p)
		if strings.Count(p, "/") > 0 && !slices.Contains([]string{"/", "/tmp", "/usr", "/var", "/opt", "/mnt", "/srv", "/home", "/dev", "/etc"}, p) {
			patterns = append(patterns, regexp.QuoteMeta(p+"/"))
		}
	}
	if root, err := os.Getwd(); err == nil {
		add(root)
		add(filepath.Dir(root))
	}
	if home, err := os.UserHomeDir(); err == nil {
		add(home)
	}
	if len(patterns) == 0 {
		t.Skip("this checkout lies where it could lie on any machine")
	}
	found := regexp.MustCompile(`(^|[^A-Za-z0-9_./:-])(` + strings.Join(patterns, "|") + `)`)
	files(t, func(name string, data []byte) {
		if bytes.IndexByte(data, 0) >= 0 {
			return
		}
		if hit := found.Find(data); hit != nil {
			t.Errorf("%s contains %q", name, hit)
		}
	})
}
