package guard

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"cqkit/pkg/gcra"
)

// maxHosts is how many hosts are left alone at once.
const maxHosts = 1024

// hosts are the hosts that asked to be left alone, with until when.
type hosts struct {
	mu    sync.Mutex
	until map[string]time.Duration
}

// pause returns for how long a host is to be left alone at now.
func (h *hosts) pause(host string, now time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	until, ok := h.until[host]
	if ok && until <= now {
		delete(h.until, host)
	}
	return max(0, until-now)
}

// add leaves a host alone. If too many are, the one that is to be for the shortest time is
// forgotten.
func (h *hosts) add(host string, now, until time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.until == nil {
		h.until = map[string]time.Duration{}
	}
	if _, ok := h.until[host]; !ok && len(h.until) >= maxHosts {
		first, soonest := "", time.Duration(math.MaxInt64)
		for name, t := range h.until {
			if t <= now {
				delete(h.until, name)
			} else if t < soonest {
				first, soonest = name, t
			}
		}
		if len(h.until) >= maxHosts {
			delete(h.until, first)
		}
	}
	h.until[host] = max(h.until[host], until)
}

// heed notes what an answer says about when to come back.
func (g *Guard) heed(host string, resp *http.Response) {
	most := g.cfg.Client.MaxRetryAfter
	if most < 0 || resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return
	}
	if d, ok := retryAfter(resp.Header, time.Now()); ok && d > 0 {
		now := g.now()
		g.hosts.add(host, now, now+min(d, most))
	}
}

// retryAfter reads the field Retry-After (RFC 9110, Section 10.2.3).
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.Trim(h.Get(gcra.HeaderRetryAfter), " \t")
	if v == "" {
		return 0, false
	}
	if v[0] >= '0' && v[0] <= '9' {
		s, err := strconv.ParseUint(v, 10, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return 0, false
		}
		return time.Duration(min(s, 1<<32)) * time.Second, true
	}
	t, err := http.ParseTime(v)
	if err != nil {
		return 0, false
	}
	return max(0, t.Sub(now)), true
}
