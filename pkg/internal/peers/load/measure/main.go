// Command measure compares the client of pkg/load with other load generators, as processes of
// their own against servers on the loopback. It needs nginx and wrk, as Debian has them, and
// installs the others from the Go proxy into a temporary folder.
//
//	go run ./load/measure [-rounds 10] [-d 2s] [cpu|rate|freeze|memory|all]
//
// Tools take turns within a round; figures are medians over rounds, and ratios are medians of
// the ratios within rounds, so that what else the machine does touches both sides.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// versions of what is installed from the Go proxy. Later ones of fortio need modules that
// not every proxy has.
var versions = []string{
	"github.com/codesenberg/bombardier@v1.2.6",
	"github.com/tsenart/vegeta/v12@v12.13.0",
	"fortio.org/fortio@v1.63.0",
	"github.com/rakyll/hey@v0.1.4",
}

func main() {
	if os.Getenv("MEASURE_SERVER") != "" {
		serve(os.Getenv("MEASURE_SERVER"))
		return
	}
	rounds := flag.Int("rounds", 10, "rounds")
	length := flag.Duration("d", 2*time.Second, "duration of one run")
	gobin := flag.String("bin", "", "folder with the installed tools; empty installs them")
	flag.Parse()
	if err := measure(*rounds, *length, *gobin, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(3)
	}
}

// A bench is where tools and servers are.
type bench struct {
	rounds int
	length time.Duration
	dir    string
	bin    string
	nginx  string // URLs
	server string
	frozen string
}

func measure(rounds int, length time.Duration, gobin, what string) error {
	dir, err := os.MkdirTemp("", "measure")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{rounds: rounds, length: length, dir: dir, bin: gobin}
	if err := b.install(); err != nil {
		return err
	}
	stop, err := b.start()
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("%s/%s, %d processors, %s, %d rounds of %v, load average %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), rounds, length, loadAverage())
	for _, part := range []struct {
		name string
		f    func() error
	}{{"cpu", b.cpu}, {"memory", b.memory}, {"rate", b.rate}, {"freeze", b.freeze}} {
		if what == "" || what == "all" || what == part.name {
			if err := part.f(); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	fmt.Printf("\nload average %s\n", loadAverage())
	return nil
}

func loadAverage() string {
	b, _ := os.ReadFile("/proc/loadavg")
	return strings.Join(strings.Fields(string(b))[:min(3, len(strings.Fields(string(b))))], " ")
}

// install builds the clients.
func (b *bench) install() error {
	own := filepath.Join(b.dir, "ours")
	if out, err := exec.Command("go", "build", "-o", own, "./load/ours").CombinedOutput(); err != nil {
		return fmt.Errorf("building ours (run this in the module of the peers): %w\n%s", err, out)
	}
	if b.bin != "" {
		return nil
	}
	b.bin = b.dir
	for i, v := range versions {
		// In a module of its own rather than with go install, which asks for the list of a
		// module's versions, too, and proxies may refuse that.
		dir := filepath.Join(b.dir, "install"+strconv.Itoa(i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module install\n\ngo 1.26.0\n"), 0o644); err != nil {
			return err
		}
		pkg, _, _ := strings.Cut(v, "@")
		for _, args := range [][]string{{"mod", "edit", "-require=" + v}, {"build", "-mod=mod", "-o", b.bin, pkg}} {
			cmd := exec.Command("go", args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Printf("%s is left out: %s\n", v, bytes.TrimSpace(out))
				break
			}
		}
	}
	return nil
}

const nginxConf = `worker_processes 1; error_log DIR/error.log; pid DIR/pid; daemon off;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; client_body_temp_path DIR; proxy_temp_path DIR;
 fastcgi_temp_path DIR; uwsgi_temp_path DIR; scgi_temp_path DIR;
 server { listen 127.0.0.1:PORT backlog=8192; location / { return 200 "` + answer + `"; } } }
`

const answer = "hello world, hello world, hello world, hello world, hello world, hello world, hello world, hello world"

// start starts nginx and the Go servers.
func (b *bench) start() (stop func(), err error) {
	var started []*exec.Cmd
	stop = func() {
		for _, c := range started {
			c.Process.Signal(os.Interrupt) // of nginx this ends the workers, too
			late := time.AfterFunc(5*time.Second, func() { c.Process.Kill() })
			c.Wait()
			late.Stop()
		}
	}
	run := func(c *exec.Cmd) error {
		if err := c.Start(); err != nil {
			stop()
			return err
		}
		started = append(started, c)
		return nil
	}
	ports := make([]string, 3)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
		l.Close()
	}
	conf := filepath.Join(b.dir, "nginx.conf")
	text := strings.NewReplacer("DIR", b.dir, "PORT", ports[0]).Replace(nginxConf)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	if err := run(exec.Command("nginx", "-c", conf)); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for i, kind := range []string{"plain", "frozen"} {
		c := exec.Command(self)
		c.Env = append(os.Environ(), "MEASURE_SERVER="+kind+"@127.0.0.1:"+ports[i+1])
		if err := run(c); err != nil {
			return nil, err
		}
	}
	b.nginx, b.server, b.frozen = "http://127.0.0.1:"+ports[0]+"/", "http://127.0.0.1:"+ports[1]+"/", "http://127.0.0.1:"+ports[2]+"/"
	for _, url := range []string{b.nginx, b.server, b.frozen} {
		for range 100 {
			if r, err := http.Get(url); err == nil {
				r.Body.Close()
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return stop, nil
}

// A tool is a load generator.
type tool struct {
	name     string
	args     func(b *bench, url string, conns int, rate int) []string // rate 0 is as fast as it goes
	requests *regexp.Regexp
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s" }

var ours = tool{"cqkit", func(b *bench, url string, conns, rate int) []string {
	if rate > 0 {
		return []string{filepath.Join(b.dir, "ours"), "-r", fmt.Sprintf("%d/s", rate), "-d", seconds(b.length), url}
	}
	return []string{filepath.Join(b.dir, "ours"), "-c", strconv.Itoa(conns), "-d", seconds(b.length), url}
}, regexp.MustCompile(`requests (\d+)`)}

var tools = []tool{
	ours,
	{"wrk", func(b *bench, url string, conns, rate int) []string {
		if rate > 0 {
			return nil
		}
		return []string{"wrk", "-t2", "-c" + strconv.Itoa(conns), "-d" + strconv.Itoa(int(b.length.Seconds())), url}
	}, regexp.MustCompile(`(\d+) requests in`)},
	{"bombardier", func(b *bench, url string, conns, rate int) []string {
		args := []string{filepath.Join(b.bin, "bombardier"), "-c", strconv.Itoa(conns), "-d", seconds(b.length), "-p", "r"}
		if rate > 0 {
			args = append(args, "-r", strconv.Itoa(rate))
		}
		return append(args, url)
	}, regexp.MustCompile(`2xx - (\d+)`)},
	{"fortio", func(b *bench, url string, conns, rate int) []string {
		qps := "-1"
		if rate > 0 {
			qps = strconv.Itoa(rate)
		}
		return []string{filepath.Join(b.bin, "fortio"), "load", "-qps", qps, "-c", strconv.Itoa(conns), "-t", seconds(b.length), "-quiet", url}
	}, regexp.MustCompile(`Code 200 : (\d+)`)},
	{"hey", func(b *bench, url string, conns, rate int) []string {
		args := []string{filepath.Join(b.bin, "hey"), "-z", seconds(b.length), "-c", strconv.Itoa(conns)}
		if rate > 0 {
			args = append(args, "-q", strconv.Itoa(rate/conns))
		}
		return append(args, url)
	}, regexp.MustCompile(`\[200\]\s+(\d+) responses`)},
	{"vegeta", func(b *bench, url string, conns, rate int) []string {
		workers := "-max-workers=" + strconv.Itoa(conns)
		if rate > 0 {
			workers = "-workers=10"
		}
		command := fmt.Sprintf("echo 'GET %s' | %s attack -rate=%d %s -duration=%s > %s/vegeta.bin", url, filepath.Join(b.bin, "vegeta"), rate, workers, seconds(b.length), b.dir)
		return []string{"sh", "-c", command}
	}, nil},
}

// An outcome is what one run of a tool took.
type outcome struct {
	requests float64
	perS     float64
	cpu      time.Duration // a request, user and system
	out      string
}

// run runs a tool once.
func (b *bench) run(t tool, url string, conns, rate int) (outcome, error) {
	args := t.args(b, url, conns, rate)
	if args == nil {
		return outcome{}, errors.ErrUnsupported
	}
	cmd := exec.Command(args[0], args[1:]...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return outcome{}, fmt.Errorf("%s: %w: %.200s", t.name, err, out)
	}
	o := outcome{out: string(out)}
	if t.requests == nil {
		report, err := exec.Command(filepath.Join(b.bin, "vegeta"), "report", "-type=json", filepath.Join(b.dir, "vegeta.bin")).Output()
		if err != nil {
			return o, err
		}
		o.out = string(report)
		t.requests = regexp.MustCompile(`"200":(\d+)`)
	}
	m := t.requests.FindStringSubmatch(o.out)
	if m == nil {
		return o, fmt.Errorf("%s: no number of requests in %.300q", t.name, o.out)
	}
	o.requests, _ = strconv.ParseFloat(m[1], 64)
	o.perS = o.requests / b.length.Seconds()
	o.cpu = time.Duration(float64(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()) / o.requests)
	return o, nil
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Clone(x)
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// cpu measures processor time a request and requests a second, as fast as each goes.
func (b *bench) cpu() error {
	fmt.Println("\n| server | connections | client | µs of CPU a request | its ratio to cqkit's | requests/s | cqkit's ratio to it |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	for _, url := range []struct{ name, url string }{{"nginx", b.nginx}, {"Go", b.server}} {
		for _, conns := range []int{50, 200} {
			cpu, perS := map[string][]float64{}, map[string][]float64{}
			cpuRatio, perSRatio := map[string][]float64{}, map[string][]float64{}
			for round := range b.rounds {
				// Ours first and last in turn: neither always follows the same neighbour.
				order := slices.Clone(tools)
				if round%2 == 1 {
					slices.Reverse(order)
				}
				results := map[string]outcome{}
				for _, t := range order {
					o, err := b.run(t, url.url, conns, 0)
					if err != nil {
						continue
					}
					results[t.name] = o
				}
				own, ok := results[ours.name]
				if !ok {
					return errors.New("our own client failed")
				}
				for name, o := range results {
					cpu[name] = append(cpu[name], float64(o.cpu)/1e3)
					perS[name] = append(perS[name], o.perS)
					cpuRatio[name] = append(cpuRatio[name], float64(o.cpu)/float64(own.cpu))
					perSRatio[name] = append(perSRatio[name], own.perS/o.perS)
				}
			}
			for _, t := range tools {
				if len(cpu[t.name]) > 0 {
					fmt.Printf("| %s | %d | %s | %.1f | %.2f | %.0f | %.2f |\n", url.name, conns, t.name, median(cpu[t.name]), median(cpuRatio[t.name]), median(perS[t.name]), median(perSRatio[t.name]))
				}
			}
		}
	}
	return nil
}

// memory measures the most anonymous memory at 200 connections.
func (b *bench) memory() error {
	fmt.Println("\n| client, 200 connections | anonymous MB at most | resident |")
	fmt.Println("| --- | --- | --- |")
	for _, t := range tools {
		if t.requests == nil {
			continue // behind a shell
		}
		args := t.args(b, b.nginx, 200, 0)
		cmd := exec.Command(args[0], args[1:]...)
		if err := cmd.Start(); err != nil {
			continue
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		anonymous, resident := 0.0, 0.0
		for running := true; running; {
			select {
			case <-done:
				running = false
			case <-time.After(10 * time.Millisecond):
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
				for line := range strings.Lines(string(status)) {
					f := strings.Fields(line)
					if len(f) < 2 {
						continue
					}
					kb, _ := strconv.ParseFloat(f[1], 64)
					switch f[0] {
					case "RssAnon:":
						anonymous = max(anonymous, kb/1000)
					case "VmHWM:":
						resident = max(resident, kb/1000)
					}
				}
			}
		}
		fmt.Printf("| %s | %.1f | %.1f |\n", t.name, anonymous, resident)
	}
	return nil
}
