package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// probeMain is probe, a program for scripts, this test binary under another name:
//
//	probe with NAME=FILE... -- PROGRAM ARG...   run a program with what stands in files, once they
//	                                            are there: {NAME} is the first line, {NAME:2} the second
//	probe get [OPTIONS] FILE [PATH]             ask the address in a file, FILE:2 in its second line;
//	                                            print the status, the header and the body
//	    -X METHOD  -d BODY  -H 'NAME: VALUE'    the request; -H can be repeated
//	    -status N                               fail unless that is the status
//	    -n N [-p N]                             ask N times, N at once, and print how often each status came
//	    -until TEXT                             ask until the body contains it
//	    -ca FILE                                by TLS, trusting a certificate
func probeMain(args []string) int {
	err := errors.New("with or get")
	switch {
	case len(args) > 0 && args[0] == "with":
		err = probeWith(args[1:])
	case len(args) > 0 && args[0] == "get":
		err = probeGet(args[1:])
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		return 1
	}
	return 0
}

const patience = 30 * time.Second // enough for the slowest machine; nothing is measured by it

// lineOf returns a line of a file, "FILE" or "FILE:N", once it is there.
func lineOf(name string) (string, error) {
	n := 1
	if file, line, ok := strings.Cut(name, ":"); ok {
		name = file
		n, _ = strconv.Atoi(line)
	}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		data, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		if n < 1 || n > len(lines) {
			return "", fmt.Errorf("%s has %d lines", name, len(lines))
		}
		return lines[n-1], nil
	}
	return "", fmt.Errorf("%s does not appear", name)
}

func probeWith(args []string) error {
	at := slices.Index(args, "--")
	if at < 0 || at+1 == len(args) {
		return errors.New("with NAME=FILE... -- PROGRAM ARG...")
	}
	command := slices.Clone(args[at+1:])
	for _, a := range args[:at] {
		name, file, _ := strings.Cut(a, "=")
		for _, suffix := range []string{"", ":2"} {
			for i := range command {
				if mark := "{" + name + suffix + "}"; strings.Contains(command[i], mark) {
					line, err := lineOf(file + suffix)
					if err != nil {
						return err
					}
					command[i] = strings.ReplaceAll(command[i], mark, line)
				}
			}
		}
	}
	return become(command)
}

type headerFlag struct{ http.Header }

func (h headerFlag) String() string { return "" }
func (h headerFlag) Set(s string) error {
	name, value, _ := strings.Cut(s, ":")
	h.Add(name, strings.TrimSpace(value))
	return nil
}

func probeGet(args []string) error {
	f := flag.NewFlagSet("get", flag.ContinueOnError)
	header := headerFlag{http.Header{}}
	method, body, ca := f.String("X", "GET", ""), f.String("d", "", ""), f.String("ca", "", "")
	status, n, parallel := f.Int("status", 0, ""), f.Int("n", 0, ""), f.Int("p", 1, "")
	until := f.String("until", "", "")
	f.Var(header, "H", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() < 1 {
		return errors.New("get FILE [PATH]")
	}
	addr, err := lineOf(f.Arg(0))
	if err != nil {
		return err
	}
	client, scheme := &http.Client{Timeout: patience}, "http://"
	if *ca != "" {
		pem, err := os.ReadFile(*ca)
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		client.Transport, scheme = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}, "https://"
	}
	ask := func() (*http.Response, string, error) {
		req, err := http.NewRequest(*method, scheme+addr+f.Arg(1), strings.NewReader(*body))
		if err != nil {
			return nil, "", err
		}
		req.Header = header.Clone()
		if host := header.Get("Host"); host != "" {
			req.Host = host
		}
		resp, err := client.Do(req)
		if err != nil {
			return nil, "", err
		}
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		return resp, string(data), err
	}
	if *n > 0 {
		return askMany(*n, *parallel, ask)
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		resp, data, err := ask()
		if err != nil {
			return err
		}
		if !strings.Contains(data, *until) {
			if time.Now().After(end) {
				return fmt.Errorf("%q does not appear in %q", *until, data)
			}
			continue
		}
		fmt.Printf("%s %s\n", resp.Proto, resp.Status)
		for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
			for _, v := range resp.Header[name] {
				fmt.Printf("%s: %s\n", name, v)
			}
		}
		fmt.Printf("\n%s\n", data)
		if *status != 0 && resp.StatusCode != *status {
			return fmt.Errorf("status %d, want %d", resp.StatusCode, *status)
		}
		return nil
	}
}

func askMany(n, parallel int, ask func() (*http.Response, string, error)) error {
	counts := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan struct{})
	for range parallel {
		wg.Go(func() {
			for range next {
				resp, _, err := ask()
				what := "failed"
				if err == nil {
					what = strconv.Itoa(resp.StatusCode)
				}
				mu.Lock()
				counts[what]++
				mu.Unlock()
			}
		})
	}
	for range n {
		next <- struct{}{}
	}
	close(next)
	wg.Wait()
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		fmt.Printf("%s: %d\n", what, counts[what])
	}
	return nil
}
