package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// StatsPath is where a [Handler] tells its [Stats].
const StatsPath = "/-/stats"

// Bounds of a [Config].
const (
	MaxServers = 1 << 20
	MaxQueue   = 1 << 20
	MaxSize    = 1 << 30
)

// maxBody is how much of a request's body is read before it counts as arrived.
const maxBody = 16 << 20

// Config is what a [Handler] is like. The zero Config answers everything at once.
type Config struct {
	Service Distribution // how long a server works on a request
	Servers int          // how many there are; 0 is as many as requests
	Queue   int          // how many requests wait for a server; 0 is none: 503 when all are busy
	Jitter  Distribution // added to each answer, without keeping a server busy
	Stall   Cycle        // when everything stands still

	FailShare  float64 // of the requests are answered 500 after their service
	ResetShare float64 // of the requests have their connections reset after their service
	Seed       uint64  // of the service times, the jitter and the failures

	SizeBytes int64 // of the body of an answer
	Chunked   bool  // answers do not tell their length

	// Limit, if set, decides over each arrival before it queues, at now, the time since
	// the handler was made; it may set header fields of the answer. It is called for one
	// request at a time. What it refuses is answered 429.
	Limit func(answer http.Header, r *http.Request, now time.Duration) bool
}

// Check returns what is wrong with c, or nil.
func (c Config) Check() error {
	switch {
	case c.Servers < 0 || c.Servers > MaxServers:
		return fmt.Errorf("%d servers, not 0 to %d", c.Servers, MaxServers)
	case c.Queue < 0 || c.Queue > MaxQueue:
		return fmt.Errorf("a queue of %d, not 0 to %d", c.Queue, MaxQueue)
	case !(c.FailShare >= 0 && c.ResetShare >= 0 && c.FailShare+c.ResetShare <= 1):
		return fmt.Errorf("shares of %v failures and %v resets, not from 0 to 1 together", c.FailShare, c.ResetShare)
	case c.SizeBytes < 0 || c.SizeBytes > MaxSize:
		return fmt.Errorf("answers of %d bytes, not 0 to %d", c.SizeBytes, MaxSize)
	}
	return c.Stall.Check()
}

// CapacityPerS returns how many requests are served a second while there are always
// some that wait, or 0 if there is no limit to it.
func (c Config) CapacityPerS() float64 {
	mean := c.Service.Mean().Seconds()
	if c.Servers == 0 || mean == 0 {
		return 0
	}
	return float64(c.Servers) / mean * c.Stall.Share()
}

// A Handler answers as a backend of known capacity would. It is safe for concurrent
// use.
type Handler struct {
	config Config
	begin  time.Time

	mu     sync.Mutex
	random *rand.Rand
	queue  *queue
	stats  Stats
}

// New returns a handler, whose time begins now.
func New(config Config) (*Handler, error) {
	if err := config.Check(); err != nil {
		return nil, err
	}
	return &Handler{
		config: config,
		begin:  time.Now(),
		random: rand.New(rand.NewPCG(config.Seed, 0x7a6765740a)),
		queue:  newQueue(config.Servers, config.Queue),
	}, nil
}

// outcome is how a request will be answered.
type outcome uint8

const (
	limited outcome = iota
	full
	served
	failed
	reset
	abandoned
	outcomes
)

// Stats is what a [Handler] has done. Arrivals are the sum of the outcomes and of
// those that are still in work or wait.
type Stats struct {
	ElapsedNS    int64   `json:"elapsed_ns"` // since the handler was made
	Servers      int     `json:"servers"`
	CapacityPerS float64 `json:"capacity_per_s,omitzero"`

	Arrivals  int64 `json:"arrivals"`
	Limited   int64 `json:"limited"`   // 429
	Full      int64 `json:"full"`      // 503
	Served    int64 `json:"served"`    // 200
	Failed    int64 `json:"failed"`    // 500
	Reset     int64 `json:"reset"`     // no answer
	Abandoned int64 `json:"abandoned"` // the client left before the answer

	Busy        int   `json:"busy"`    // servers that work
	Waiting     int   `json:"waiting"` // requests in the queue
	MostWaiting int   `json:"most_waiting"`
	BusyNS      int64 `json:"busy_ns"` // the sum of the service times begun
}

// Stats returns the figures of this moment.
func (h *Handler) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Since(h.begin)
	w := h.config.Stall.work(now)
	h.queue.advance(w)
	s := h.stats
	s.ElapsedNS = int64(now)
	s.Servers, s.CapacityPerS = h.config.Servers, h.config.CapacityPerS()
	s.Busy, s.Waiting, s.MostWaiting = h.queue.busy(w), h.queue.waiting, h.queue.most
	s.BusyNS = int64(h.queue.worked)
	return s
}

// arrive decides over a request, and when it is answered.
func (h *Handler) arrive(answer http.Header, r *http.Request) (outcome, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Since(h.begin)
	h.stats.Arrivals++
	c := &h.config
	if c.Limit != nil && !c.Limit(answer, r, now) {
		return limited, c.Stall.next(now)
	}
	// Always as many draws, so that what one setting does to a run does not depend on another.
	service, fate, jitter := c.Service.Draw(h.random), h.random.Float64(), c.Jitter.Draw(h.random)
	due, ok := h.queue.arrive(c.Stall.work(now), service)
	if !ok {
		return full, c.Stall.next(now)
	}
	o := served
	switch {
	case fate < c.FailShare:
		o = failed
	case fate < c.FailShare+c.ResetShare:
		o = reset
	}
	return o, c.Stall.next(c.Stall.real(due) + jitter)
}

func (h *Handler) count(o outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*[outcomes]*int64{&h.stats.Limited, &h.stats.Full, &h.stats.Served, &h.stats.Failed, &h.stats.Reset, &h.stats.Abandoned}[o]++
}

// ServeHTTP answers a request when the model says so.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == StatsPath {
		h.serveStats(w, r)
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		if _, err := io.CopyN(io.Discard, r.Body, maxBody); err != nil && !errors.Is(err, io.EOF) {
			panic(http.ErrAbortHandler) // the request never came whole
		}
	}
	o, due := h.arrive(w.Header(), r)
	if !sleepUntil(r.Context(), h.begin, due) {
		h.count(abandoned)
		return
	}
	h.count(o)
	switch o {
	case limited:
		refuse(w, http.StatusTooManyRequests)
	case full:
		refuse(w, http.StatusServiceUnavailable)
	case failed:
		refuse(w, http.StatusInternalServerError)
	case reset:
		resetConnection(w)
	default:
		h.answer(w)
	}
}

func refuse(w http.ResponseWriter, status int) {
	http.Error(w, strconv.Itoa(status)+" "+http.StatusText(status), status)
}

// filler is what bodies are made of.
var filler = func() []byte {
	b := make([]byte, 32<<10)
	for i := range b {
		b[i] = '.'
		if i%64 == 63 {
			b[i] = '\n'
		}
	}
	return b
}()

func (h *Handler) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if h.config.Chunked {
		http.NewResponseController(w).Flush() // the header goes out before its length is known
	} else {
		w.Header().Set("Content-Length", strconv.FormatInt(h.config.SizeBytes, 10))
	}
	for left := h.config.SizeBytes; left > 0; {
		n, err := w.Write(filler[:min(left, int64(len(filler)))])
		if err != nil {
			return // the client left
		}
		left -= int64(n)
	}
}

// resetConnection ends a connection as a server does that dies: without an answer, and
// with a TCP reset where there is a connection of its own to reset.
func resetConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: resets the stream
	}
	raw := conn
	if secured, ok := raw.(interface{ NetConn() net.Conn }); ok {
		raw = secured.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	raw.Close()
}

func (h *Handler) serveStats(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(h.Stats())
}

// sleepUntil returns at due, a time since begin, with true, or with false once ctx is
// done.
func sleepUntil(ctx context.Context, begin time.Time, due time.Duration) bool {
	for {
		left := due - time.Since(begin)
		switch {
		case left <= 0:
			return ctx.Err() == nil
		case left <= near && nap(left):
		default:
			timer := time.NewTimer(max(left-near, left/2, min(left, 50*time.Microsecond)))
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return false
			}
		}
	}
}
