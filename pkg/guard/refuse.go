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
	s := d / time.Second
	if d%time.Second > 0 {
		s++
	}
	return strconv.FormatInt(max(1, int64(s)), 10)
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
	h := w.Header()
	switch x.e.outcome {
	case rateLimited:
		if x.g.cfg.Headers != HeadersNever {
			x.headers(h)
		}
		if s := x.decision.RetryAfterSeconds(); s > 0 {
			h[gcra.HeaderRetryAfter] = []string{strconv.FormatInt(s, 10)}
		}
		x.reply(w, http.StatusTooManyRequests, "quota-exceeded", "too many requests")
		return
	case draining:
		h["Connection"] = []string{"close"}
	}
	h[gcra.HeaderRetryAfter] = x.g.retry
	x.reply(w, http.StatusServiceUnavailable, "temporary-reduced-capacity", refusalTitles[x.e.outcome])
}

var refusalTitles = [outcomes]string{
	shed:         "too many requests at once",
	canceled:     "too many requests at once",
	limiterError: "rate limit not available",
	draining:     "shutting down",
}

// fail answers a request that was admitted and then went wrong on this side of the handler.
func (x *exchange) fail(w http.ResponseWriter, status int, title string) {
	x.reply(w, status, "", title)
}

// headers sets what the tightest decision tells about rates.
func (x *exchange) headers(h http.Header) {
	if x.tightest == nil {
		return
	}
	x.decision.SetHeader(func(field, value string) {
		if field != gcra.HeaderRetryAfter {
			h[field] = []string{value}
		}
	}, x.tightest.Name, "", x.g.cfg.LegacyHeaders)
	h[gcra.HeaderPolicy] = *x.g.policies.Load()
}

// A problem is RFC 9457's, with the types of draft-ietf-httpapi-ratelimit-headers-11.
type problem struct {
	Type     string   `json:"type,omitempty"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Violated []string `json:"violated-policies,omitempty"`
}

const problemTypes = "https://iana.org/assignments/http-problem-types#"

// reply answers with a status and why. Nothing of the request is in the body.
func (x *exchange) reply(w http.ResponseWriter, status int, kind, title string) {
	h := w.Header()
	var body []byte
	switch x.g.cfg.Format {
	case FormatText:
		h["Content-Type"] = []string{"text/plain; charset=utf-8"}
		body = []byte(title + "\n")
	case FormatJSON:
		h["Content-Type"] = []string{"application/json"}
		after, _ := strconv.Atoi(h.Get(gcra.HeaderRetryAfter))
		body, _ = json.Marshal(struct {
			Error      string `json:"error"`
			RetryAfter int    `json:"retry_after_s,omitempty"`
		}{title, after})
	default:
		h["Content-Type"] = []string{"application/problem+json"}
		p := problem{Title: title, Status: status}
		if kind != "" {
			p.Type = problemTypes + kind
		}
		if x.e.outcome == rateLimited {
			p.Violated = []string{x.e.limit}
		}
		body, _ = json.Marshal(p)
	}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if exchangeOf(w) == nil { // otherwise they are noted on the way
		x.e.status = status
		x.e.bytes = int64(len(body))
	}
	w.WriteHeader(status)
	w.Write(body) // who is gone will not read it
}
