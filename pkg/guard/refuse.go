package guard

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cqkit/pkg/gcra"
)

// seconds is a wait as Retry-After tells it, at least 1.
func seconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

// announce makes RateLimit-Policy, after a limit changed.
func (g *Guard) announce() {
	var all []string
	for _, l := range g.limits {
		all = append(all, l.limit().Policy(l.Name))
	}
	g.policies.Store(&[]string{strings.Join(all, ", ")})
}

// refuse answers a request that was not admitted.
func (x *exchange) refuse(w http.ResponseWriter) {
	g, h := x.g, w.Header()
	status := http.StatusServiceUnavailable
	switch x.e.outcome {
	case rateLimited:
		status = http.StatusTooManyRequests
		x.headers(h)
		if s := x.decision.RetryAfterSeconds(); s > 0 {
			h[gcra.HeaderRetryAfter] = []string{strconv.FormatInt(s, 10)}
		}
	case draining:
		h["Connection"] = []string{"close"}
		h[gcra.HeaderRetryAfter] = g.retry
	default:
		h[gcra.HeaderRetryAfter] = g.retry
	}
	contentType, body := x.refusal(status, h.Get(gcra.HeaderRetryAfter))
	h["Content-Type"] = []string{contentType}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	x.e.status = status
	w.WriteHeader(status)
	n, _ := w.Write(body) // who is gone will not read it
	x.e.bytes = int64(n)
	x.returned = true
}

// headers sets what a decision tells about rates.
func (x *exchange) headers(h http.Header) {
	g := x.g
	if g.cfg.Headers == HeadersNever || x.tightest == nil {
		return
	}
	x.decision.SetHeader(func(field, value string) {
		if field != gcra.HeaderRetryAfter {
			h[field] = []string{value}
		}
	}, x.tightest.Name, "", g.cfg.LegacyHeaders)
	h[gcra.HeaderPolicy] = *g.policies.Load()
}

// A problem is RFC 9457's, with the types of draft-ietf-httpapi-ratelimit-headers-11,
// Section 6.
type problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Violated []string `json:"violated-policies,omitempty"`
}

const problemTypes = "https://iana.org/assignments/http-problem-types#"

// refusal is the body of a refusal. Nothing of the request is in it.
func (x *exchange) refusal(status int, retryAfter string) (contentType string, body []byte) {
	title := map[outcome]string{
		rateLimited:  "too many requests",
		shed:         "too many requests at once",
		canceled:     "too many requests at once",
		limiterError: "rate limit not available",
		draining:     "shutting down",
	}[x.e.outcome]
	switch x.g.cfg.Format {
	case FormatText:
		return "text/plain; charset=utf-8", []byte(title + "\n")
	case FormatJSON:
		after, _ := strconv.Atoi(retryAfter)
		b, _ := json.Marshal(struct {
			Error      string `json:"error"`
			RetryAfter int    `json:"retry_after_s,omitempty"`
		}{title, after})
		return "application/json", b
	}
	p := problem{Type: problemTypes + "temporary-reduced-capacity", Title: title, Status: status}
	if x.e.outcome == rateLimited {
		p.Type, p.Violated = problemTypes+"quota-exceeded", []string{x.e.limit}
	}
	b, _ := json.Marshal(p)
	return "application/problem+json", b
}
