package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// An httpClient leaves the work to net/http: HTTP/2, proxies, redirects.
type httpClient struct {
	r         *run
	client    http.Client
	transport *http.Transport
}

// httpLoops makes the loop for what net/http does.
func (r *run) httpLoops() ([]func(), error) {
	r.engine = "net/http"
	cfg := &r.cfg
	h := &httpClient{r: r}
	h.transport = &http.Transport{
		Proxy: cfg.Proxy, DialContext: h.dial, TLSClientConfig: cfg.TLS.Clone(), DisableCompression: true,
		MaxIdleConns: r.places, MaxIdleConnsPerHost: r.places, DisableKeepAlives: cfg.Targets.close,
		MaxResponseHeaderBytes: maxHead, Protocols: new(http.Protocols),
	}
	if cfg.HTTP2 {
		h.transport.Protocols.SetHTTP2(true)
		h.transport.Protocols.SetUnencryptedHTTP2(true)
	} else {
		h.transport.Protocols.SetHTTP1(true)
	}
	h.client.Transport = h.transport
	h.client.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if len(via) > cfg.Redirects {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return r.newPool(h), nil
}

func (h *httpClient) close() { h.transport.CloseIdleConnections() }

// dial connects to what the targets name as every client does, and to proxies and to where
// redirects lead as they say.
func (h *httpClient) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	r := h.r
	c, err := h.open(ctx, network, addr)
	if err == nil {
		s := r.tallies[0]
		s.live.connects.Add(1)
	}
	return c, err
}

func (h *httpClient) open(ctx context.Context, network, addr string) (net.Conn, error) {
	r := h.r
	if h.transport.Proxy == nil {
		for i := range r.cfg.Targets.endpoints {
			if strings.EqualFold(r.cfg.Targets.endpoints[i].addr, addr) {
				return r.dialEndpoint(ctx, int32(i))
			}
		}
	}
	if r.cfg.Dial != nil {
		return r.cfg.Dial(ctx, network, addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, instead(r.cfg.Resolve, addr))
}

func (h *httpClient) do(ctx context.Context, w *worker, j *job) answer {
	w.scratch = j.message.whole(w.scratch[:0:0], h.r.cfg.Seed, j.index) // bodies outlive the call
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(w.scratch)))
	if err != nil {
		return answer{outcome: Protocol, err: err}
	}
	e := &h.r.cfg.Targets.endpoints[j.message.endpoint]
	req.RequestURI = ""
	req.URL.Scheme, req.URL.Host = "http", e.addr
	if e.tls {
		req.URL.Scheme = "https"
	}
	if req.ContentLength > 0 { // whole, so that it can be sent again after a redirect
		body := w.scratch[len(w.scratch)-int(req.ContentLength):]
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	} else {
		req.Body = nil
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header["User-Agent"] = nil // not net/http's own
	}
	res, err := h.client.Do(req.WithContext(ctx))
	if err != nil {
		return answer{outcome: httpOutcome(ctx, err), err: err}
	}
	defer res.Body.Close()
	m := matcher{pattern: h.r.want}
	if w.buf == nil {
		w.buf = make([]byte, firstBuffer)
	}
	var size uint64
	for {
		n, err := res.Body.Read(w.buf)
		size += uint64(n)
		m.feed(w.buf[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return answer{outcome: httpOutcome(ctx, err), err: err}
		}
	}
	w.mu.Lock()
	w.in += size
	w.out += uint64(len(w.scratch))
	w.mu.Unlock()
	if res.StatusCode < 100 || res.StatusCode > 599 {
		return answer{outcome: Protocol, err: errStatusLine}
	}
	a := answer{outcome: h.r.classify(res.StatusCode, m.ok()), status: res.StatusCode, advice: headerAdvice(res.Header)}
	if a.outcome == Protocol {
		a.err = errUnexpected(res.StatusCode)
	}
	return a
}

// headerAdvice returns what a header says about when to come again.
func headerAdvice(h http.Header) *advice {
	var a *advice
	for i := range kinds {
		k := &kinds[i]
		if k.kind < retryAfter {
			continue
		}
		for _, v := range h[http.CanonicalHeaderKey(k.name)] {
			if a == nil {
				a = new(advice)
			}
			a.field(k.kind, []byte(v))
		}
	}
	return a
}

// httpOutcome tells the outcome of an error of net/http, which does not say in a way
// meant for programs that an answer is malformed.
func httpOutcome(ctx context.Context, err error) Outcome {
	if cause := ctx.Err(); cause != nil {
		return outcomeOf(cause)
	}
	text := err.Error()
	for _, s := range []string{"malformed HTTP", "net/http: HTTP/1.x transport connection broken: malformed", "server gave HTTP response to HTTPS client", "PROTOCOL_ERROR", "FRAME_SIZE_ERROR", "bad Content-Length", "header list too large", "response headers exceeded", "frame too large"} {
		if strings.Contains(text, s) {
			return Protocol
		}
	}
	if strings.Contains(text, "tls: ") {
		return TLS
	}
	return outcomeOf(err)
}
