package probe

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// HTTP asks an HTTP endpoint. Answers of 500 and above that are no refusals, and
// requests without an answer, have failed; all others are admitted. Redirects are not
// followed, and proxies not used.
type HTTP struct {
	URL    string
	Method string // "" stands for GET
	Header http.Header
	Body   string
	// KeyHeader is the field that holds the key, "" if there are no keys.
	KeyHeader string
	// Refused tells which status codes are refusals; nil stands for 429 only.
	Refused func(status int) bool
	TLS     *tls.Config
	// Timeout bounds each request; 0 stands for 10 s.
	Timeout time.Duration
	// Connections are kept open between requests.
	Connections int
}

// maxBody is how much of an answer's body is read; the connection of a longer one is closed.
const maxBody = 1 << 20

// Asker returns the function that asks, and one that closes its connections.
func (h *HTTP) Asker() (ask Asker, closeIdle func(), err error) {
	method := h.Method
	if method == "" {
		method = http.MethodGet
	}
	if _, err := http.NewRequest(method, h.URL, nil); err != nil {
		return nil, nil, err
	}
	timeout := h.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	refused := h.Refused
	if refused == nil {
		refused = func(status int) bool { return status == http.StatusTooManyRequests }
	}
	transport := &http.Transport{
		TLSClientConfig:        h.TLS,
		MaxIdleConnsPerHost:    max(1, h.Connections),
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    timeout,
		MaxResponseHeaderBytes: 1 << 16,
	}
	ask = func(ctx context.Context, key string) Answer {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		var body io.Reader
		if h.Body != "" {
			body = strings.NewReader(h.Body)
		}
		req, err := http.NewRequestWithContext(ctx, method, h.URL, body)
		if err != nil {
			return Answer{Err: err}
		}
		for name, values := range h.Header {
			req.Header[name] = values
		}
		if host := h.Header.Get("Host"); host != "" {
			req.Host = host
		}
		if h.KeyHeader != "" {
			req.Header.Set(h.KeyHeader, key)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return Answer{Err: err}
		}
		io.CopyN(io.Discard, resp.Body, maxBody)
		resp.Body.Close()
		switch {
		case refused(resp.StatusCode):
			a := Answer{Verdict: Refused}
			a.RetryAfter, a.Stated = retryAfter(resp.Header, time.Now())
			return a
		case resp.StatusCode >= 500:
			return Answer{}
		}
		return Answer{Verdict: Admitted}
	}
	return ask, transport.CloseIdleConnections, nil
}

// retryAfter reads a Retry-After field (RFC 9110, Section 10.2.3): seconds, or a date,
// which counts from the answer's own Date, if it has one.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 32); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return max(0, at.Sub(now)), true
}
