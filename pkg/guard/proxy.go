package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// ProxyConfig is what a reverse proxy is made of.
type ProxyConfig struct {
	// Upstream is where requests go: http, https, or h2c for HTTP/2 without TLS. Its path
	// comes before theirs.
	Upstream *url.URL

	// Transport carries the requests. Nil means one of the proxy's own that keeps up to 1,000
	// idle connections, uses no proxies of the environment, compresses nothing, and
	// speaks HTTP/2 where the upstream does.
	Transport http.RoundTripper

	// TLS is for the transport of the proxy's own. Nil means the system's roots.
	TLS *tls.Config

	// HeaderTimeout is how long the upstream may take from the end of a request to
	// the beginning of its answer, before the client gets 504. It is for the transport of the
	// proxy's own. Zero means 60 s.
	HeaderTimeout time.Duration

	// Upgrades are the protocols that connections may be upgraded to besides websocket. What goes
	// over an upgraded connection is not limited, so never name one that carries
	// requests, such as h2c. Other upgrades are answered as if they had not been asked for.
	Upgrades []string

	// KeepHost passes on the client's Host instead of the upstream's.
	KeepHost bool

	// Logger is told what goes wrong while an answer is on its way. Nil means nobody.
	Logger *slog.Logger
}

// idleConnections is how many connections to the upstream are kept: as many as requests
// are let through as a rule. net/http keeps 2.
const idleConnections = 1000

// Proxy returns a handler that lets requests through to an upstream. Upgrades (WebSocket),
// trailers, streams and 1xx answers pass. The upstream finds the client in
// X-Forwarded-For, -Host and -Proto; what clients write there themselves does not pass, unless
// they are trusted proxies. It answers 502 where the upstream cannot be reached or does not
// keep to the protocol, and 504 where it takes too long.
func (g *Guard) Proxy(c ProxyConfig) (http.Handler, error) {
	if c.Upstream == nil || c.Upstream.Host == "" {
		return nil, errors.New("upstream has no host")
	}
	if c.HeaderTimeout < 0 {
		return nil, fmt.Errorf("upstream may take %v: must not be negative", c.HeaderTimeout)
	}
	target := *c.Upstream
	clear := target.Scheme == "h2c"
	switch target.Scheme {
	case "h2c":
		target.Scheme = "http"
	case "http", "https":
	default:
		return nil, fmt.Errorf("upstream %q is none of http, https and h2c", target.Redacted())
	}
	if c.Transport == nil {
		c.Transport = newTransport(c, clear)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	upgrades := append([]string{"websocket"}, c.Upgrades...)
	p := &httputil.ReverseProxy{
		Transport:    c.Transport,
		BufferPool:   bufferPool{},
		ErrorHandler: g.upstreamFailed,
		ErrorLog:     slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&target)
			// What has not been understood here is the upstream's to judge.
			r.Out.URL.RawQuery = joinQuery(target.RawQuery, r.In.URL.RawQuery)
			if c.KeepHost {
				r.Out.Host = r.In.Host
			}
			if u := r.Out.Header.Get("Upgrade"); u != "" && !slices.ContainsFunc(upgrades, func(s string) bool { return strings.EqualFold(s, u) }) {
				r.Out.Header.Del("Upgrade")
				r.Out.Header.Del("Connection")
			}
			g.forward(r)
		},
	}
	return g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(w)
		if r.Method == http.MethodConnect {
			x.fail(w, http.StatusMethodNotAllowed, "no tunnels")
			return
		}
		x.upstream = true
		p.ServeHTTP(w, r)
	})), nil
}

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

// newTransport returns a transport for one upstream.
func newTransport(c ProxyConfig, clear bool) *http.Transport {
	if c.HeaderTimeout == 0 {
		c.HeaderTimeout = time.Minute
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!clear)
	protocols.SetHTTP2(!clear)
	protocols.SetUnencryptedHTTP2(clear)
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:       c.TLS,
		TLSHandshakeTimeout:   10 * time.Second,
		MaxIdleConnsPerHost:   idleConnections,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		ResponseHeaderTimeout: c.HeaderTimeout,
		DisableCompression:    true,
		Protocols:             protocols,
		HTTP2:                 &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// forward tells the upstream who the client is. ReverseProxy has taken out what the client
// wrote.
func (g *Guard) forward(r *httputil.ProxyRequest) {
	in, out := r.In.Header, r.Out.Header
	trusted := g.cfg.Proxies.trusted(peer(r.In))
	var chain []string
	if trusted && !g.cfg.Proxies.Forwarded {
		chain = in["X-Forwarded-For"]
	} else if client := g.cfg.Proxies.client(r.In); trusted && client.IsValid() && client != peer(r.In) {
		chain = []string{client.String()}
	}
	if chain != nil {
		out["X-Forwarded-For"] = chain
	}
	if peer(r.In).IsValid() {
		r.SetXForwarded()
	}
	if !trusted {
		return
	}
	for _, field := range []string{"X-Forwarded-Host", "X-Forwarded-Proto"} {
		if v := in[field]; len(v) > 0 {
			out[field] = v
		}
	}
}

// upstreamFailed answers where the upstream did not.
func (g *Guard) upstreamFailed(w http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(w)
	x.err = err
	status, title := http.StatusBadGateway, "no answer from the upstream"
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		x.err = nil
		status, title = http.StatusRequestEntityTooLarge, "request too large"
	case errors.Is(err, context.Canceled):
	case isTimeout(err):
		status, title = http.StatusGatewayTimeout, "no answer from the upstream in time"
	}
	x.fail(w, status, title)
}

// bufferPool is where ReverseProxy gets its buffers.
type bufferPool struct{}

func (bufferPool) Get() []byte  { return copyBuffers.Get().(*[copyBuffer]byte)[:] }
func (bufferPool) Put(b []byte) { copyBuffers.Put((*[copyBuffer]byte)(b)) }

// copyBuffers hold what bodies are copied by.
var copyBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

const copyBuffer = 32 << 10
