package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// serve is the Go server: plain, or frozen for one second in eight. It keeps when requests
// arrived, for /-/arrivals to tell and forget.
func serve(what string) {
	kind, addr, _ := strings.Cut(what, "@")
	start := time.Now()
	var mu sync.Mutex
	arrivals := make([]int64, 0, 1<<20)
	var took []float64
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		now := time.Since(start)
		mu.Lock()
		arrivals = append(arrivals, int64(now))
		mu.Unlock()
		if in := now % (8 * time.Second); kind == "frozen" && in >= 7*time.Second {
			time.Sleep(8*time.Second - in)
		}
		io.WriteString(w, answer)
		if kind == "frozen" {
			w.(http.Flusher).Flush()
			mu.Lock()
			took = append(took, float64(time.Since(start)-now))
			mu.Unlock()
		}
	})
	http.HandleFunc("/-/p99", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(took)
		if n := len(took); n > 0 {
			fmt.Fprint(w, took[min(n-1, (99*n+99)/100-1)])
		}
		took = took[:0]
	})
	http.HandleFunc("/-/arrivals", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		json.NewEncoder(w).Encode(arrivals)
		arrivals = arrivals[:0]
	})
	fmt.Fprintln(os.Stderr, http.ListenAndServe(addr, nil))
	os.Exit(1)
}

func (b *bench) arrivals() ([]int64, error) {
	r, err := http.Get(b.server + "-/arrivals")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var a []int64
	err = json.NewDecoder(r.Body).Decode(&a)
	return a, err
}

// departure returns how far off the regular schedule arrivals are, in the median: the
// schedule that fits best in the median, since a server does not know when it began.
func departure(at []int64, gap float64) float64 {
	offset := make([]float64, len(at))
	for i, t := range at {
		offset[i] = float64(t) - float64(i)*gap
	}
	middle := median(offset)
	for i := range offset {
		offset[i] = math.Abs(offset[i] - middle)
	}
	return median(offset)
}

// rate measures how well a rate is kept: how many came, and when.
func (b *bench) rate() error {
	fmt.Println("\n| rate/s | client | requests off in % | median departure from schedule, µs, as the server saw it | CPU µs a request |")
	fmt.Println("| --- | --- | --- | --- | --- |")
	for _, rate := range []int{1000, 5000, 20_000} {
		off, away, cpu := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
		lag := []string{}
		for range max(1, b.rounds/2) {
			for _, t := range tools {
				if _, err := b.arrivals(); err != nil {
					return err
				}
				o, err := b.run(t, b.server, 50, rate)
				if err != nil {
					continue
				}
				at, err := b.arrivals()
				if err != nil {
					return err
				}
				slices.Sort(at)
				off[t.name] = append(off[t.name], 100*(o.requests/(float64(rate)*b.length.Seconds())-1))
				away[t.name] = append(away[t.name], departure(at, 1e9/float64(rate))/1e3)
				cpu[t.name] = append(cpu[t.name], float64(o.cpu)/1e3)
				if t.name == ours.name {
					lag = append(lag, strings.TrimSpace(o.out))
				}
			}
		}
		for _, t := range tools {
			if len(off[t.name]) > 0 {
				fmt.Printf("| %d | %s | %.3f | %.0f | %.1f |\n", rate, t.name, median(off[t.name]), median(away[t.name]), median(cpu[t.name]))
			}
		}
		for _, l := range lag {
			fmt.Println("    cqkit:", l)
		}
	}
	return nil
}

// freeze measures p99 with a server that answers nothing for one second in eight. In truth it is
// 920 ms on an idle machine: an eighth of the requests waits for what is left of the second, and
// the longest 1 % of all are the longest 8 % of those. What the server itself saw between arrival and
// answer stands beside it.
func (b *bench) freeze() error {
	fmt.Println("\n| client, 1000/s for 16 s, server frozen 1 s in 8 | p99 ms | as the server saw it | ratio |")
	fmt.Println("| --- | --- | --- | --- |")
	long := *b
	long.length = 16 * time.Second
	quantile := map[string]*regexp.Regexp{ours.name: regexp.MustCompile(`p99_ns (\d+)`), "vegeta": regexp.MustCompile(`"99th":(\d+)`)}
	for _, t := range tools {
		p99 := quantile[t.name]
		if p99 == nil {
			continue
		}
		if _, err := b.p99(); err != nil {
			return err
		}
		o, err := long.run(t, b.frozen, 50, 1000)
		if err != nil {
			return err
		}
		truth, err := b.p99()
		if err != nil {
			return err
		}
		m := p99.FindStringSubmatch(o.out)
		if m == nil {
			return fmt.Errorf("no p99 in %.300q", o.out)
		}
		ns, _ := strconv.ParseFloat(m[1], 64)
		fmt.Printf("| %s | %.1f | %.1f | %.4f |\n", t.name, ns/1e6, truth/1e6, ns/truth)
		if t.name == ours.name {
			fmt.Println("    cqkit:", strings.TrimSpace(o.out))
		}
	}
	return nil
}

// p99 asks the frozen server how long it took with requests since the last time it was asked.
func (b *bench) p99() (float64, error) {
	r, err := http.Get(b.frozen + "-/p99")
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || len(text) == 0 {
		return 0, err
	}
	return strconv.ParseFloat(string(text), 64)
}
