package guard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cqkit/pkg/gcra"
)

// ControlConfig is what a control plane is like. The zero value is one by which everything on this
// machine can be read and nothing changed.
type ControlConfig struct {
	// Tokens are those of the operators. Without any nothing can be changed.
	Tokens Tokens

	// ProtectAll wants a token for /metrics and /healthz, too.
	ProtectAll bool

	// Metrics answers /metrics and counts changes; nil means that there are none.
	Metrics *Metrics

	// Audit is told of every change and of everything refused. Nil means nobody.
	Audit *slog.Logger
}

// maxSettings is the longest body of a change.
const maxSettings = 64 << 10

// Control returns the handler by which operators read and change a guard while it runs;
// docs/guard-control.md has its paths. It must be served to operators only, at an
// address that [CheckControlAddress] allows. It is safe for concurrent use.
func (g *Guard) Control(c ControlConfig) http.Handler {
	if c.Audit == nil {
		c.Audit = slog.New(slog.DiscardHandler)
	}
	k := &control{guard: g, config: c, began: time.Now()}
	k.complaints, _ = gcra.New(gcra.Rate{Cells: 1, Per: time.Second}, 10)
	mux := http.NewServeMux()
	mux.Handle("/limits", k.protected(http.HandlerFunc(k.limits)))
	mux.Handle("/status", k.protected(http.HandlerFunc(k.status)))
	mux.Handle("/healthz", k.open(http.HandlerFunc(k.health)))
	if c.Metrics != nil {
		mux.Handle("/metrics", k.open(c.Metrics))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		complain(w, http.StatusNotFound, "there are /limits, /status, /healthz and /metrics")
	})
	return k.here(mux)
}

// control is the control plane of a guard.
type control struct {
	guard  *Guard
	config ControlConfig
	began  time.Time

	changing sync.Mutex // one change at a time: what If-Match was compared with must not move

	complaints *gcra.Limiter // of refused access
	mu         sync.Mutex
	unsaid     int // refusals of access since the last that was logged
}

// here refuses what a page in a browser asks under a name of its own.
func (k *control) here(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if k.config.Tokens.Len() == 0 && rebound(r) {
			k.refuseAccess(r)
			complain(w, http.StatusForbidden, "the Host of the request is not this machine")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// open serves those who have no token, unless everything is protected.
func (k *control) open(next http.Handler) http.Handler {
	if k.config.ProtectAll {
		return k.protected(next)
	}
	return next
}

type operatorKey struct{}

// operator returns the name of who asks, "" without tokens.
func operator(ctx context.Context) string {
	who, _ := ctx.Value(operatorKey{}).(string)
	return who
}

// protected serves those who have a token, if there are tokens.
func (k *control) protected(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if k.config.Tokens.Len() == 0 {
			next.ServeHTTP(w, r)
			return
		}
		who, ok := k.config.Tokens.who(r.Header.Get("Authorization"))
		if !ok {
			k.refuseAccess(r)
			w.Header().Set("WWW-Authenticate", `Bearer realm="flowload guard"`)
			complain(w, http.StatusUnauthorized, "a token is wanted: Authorization: Bearer TOKEN")
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), operatorKey{}, who)))
	})
}

// refuseAccess logs a refusal, but not each of very many.
func (k *control) refuseAccess(r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if d := k.complaints.Take(time.Since(k.began), 1); !d.Allowed {
		k.unsaid++
		return
	}
	k.config.Audit.Warn("access refused", "remote", r.RemoteAddr, "method", shortened(r.Method), "path", shortened(r.URL.Path), "unsaid", k.unsaid)
	k.unsaid = 0
}

// shortened bounds what a stranger can put into a log line.
func shortened(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func (k *control) health(w http.ResponseWriter, r *http.Request) {
	if k.guard.closing.Load() {
		complain(w, http.StatusServiceUnavailable, "draining")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "ok\n")
}

func (k *control) status(w http.ResponseWriter, r *http.Request) {
	if !allowMethods(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	reply(w, k.guard.Status())
}

func (k *control) limits(w http.ResponseWriter, r *http.Request) {
	if !allowMethods(w, r, http.MethodGet, http.MethodHead, http.MethodPatch, http.MethodPut) {
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		doc := describe(k.guard.Settings())
		w.Header().Set("Etag", doc.etag())
		reply(w, doc)
		return
	}
	who := operator(r.Context())
	before, after, err := k.change(r, who)
	if err != nil {
		k.config.Metrics.changed(false)
		var refusal *refusal
		if !errors.As(err, &refusal) {
			refusal = refuseWith(http.StatusInternalServerError, "%v", err)
		}
		k.config.Audit.Warn("change of limits refused", "who", who, "remote", r.RemoteAddr, "status", refusal.status, "reason", refusal.reason)
		complain(w, refusal.status, refusal.reason)
		return
	}
	k.config.Metrics.changed(true)
	k.config.Audit.Info("limits changed", "who", who, "remote", r.RemoteAddr, "from", before.etag(), "to", after.etag(), "changes", orNone(strings.Join(differences(before, after), "; ")))
	w.Header().Set("Etag", after.etag())
	reply(w, after)
}

// A refusal is why a request is not done, with its status.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return strconv.Itoa(r.status) + ": " + r.reason }

func refuseWith(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// change does what a PATCH or a PUT wants, and returns the settings before and after.
func (k *control) change(r *http.Request, who string) (before, after document, err error) {
	if who == "" {
		return before, after, refuseWith(http.StatusForbidden, "nothing can be changed without tokens")
	}
	types := []string{"application/json"}
	if r.Method == http.MethodPatch {
		types = append(types, "application/merge-patch+json")
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || !slices.Contains(types, t) {
		return before, after, refuseWith(http.StatusUnsupportedMediaType, "the Content-Type is not %s", strings.Join(types, " or "))
	}
	condition := strings.Join(r.Header.Values("If-Match"), ", ")
	if condition == "" {
		return before, after, refuseWith(http.StatusPreconditionRequired, "If-Match is wanted, with the ETag of the settings to change, or *")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSettings+1))
	switch {
	case err != nil:
		return before, after, refuseWith(http.StatusBadRequest, "the body did not arrive")
	case len(body) > maxSettings:
		return before, after, refuseWith(http.StatusRequestEntityTooLarge, "the body is over %d bytes", maxSettings)
	}
	tree, err := parseTree(body)
	if err != nil {
		return before, after, refuseWith(http.StatusBadRequest, "%v", err)
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	current := k.guard.Settings()
	before = describe(current)
	if !matchesETag(condition, before.etag()) {
		return before, after, refuseWith(http.StatusPreconditionFailed, "the settings have changed since: read them again")
	}
	if r.Method == http.MethodPatch {
		if _, ok := tree.(map[string]any); !ok {
			return before, after, refuseWith(http.StatusBadRequest, "the patch is not an object")
		}
		tree = merge(before.tree(), tree)
	}
	settings, err := readSettings(tree, current)
	if err == nil {
		err = k.guard.checked(settings)
	}
	if err != nil {
		return before, after, refuseWith(http.StatusUnprocessableEntity, "%v", err)
	}
	if err := k.guard.Apply(settings); err != nil {
		return before, after, k.undo(current, before, err)
	}
	return before, describe(k.guard.Settings()), nil
}

// checked returns why settings cannot be.
func (g *Guard) checked(s Settings) error {
	g.settings.Lock()
	defer g.settings.Unlock()
	return g.checkSettings(s)
}

// undo takes back what was changed before a shared limit refused to be, and returns what is to
// be told.
func (k *control) undo(current Settings, before document, cause error) *refusal {
	k.guard.Apply(current) // as far as it can be done: what is in force is looked at next
	if left := differences(before, describe(k.guard.Settings())); len(left) > 0 {
		return refuseWith(http.StatusBadGateway, "%v; this much has been changed: %s", cause, strings.Join(left, "; "))
	}
	return refuseWith(http.StatusBadGateway, "%v; nothing has been changed", cause)
}

// matchesETag tells whether a field If-Match (RFC 9110, Section 13.1.1) names an etag.
func matchesETag(condition, etag string) bool {
	for part := range strings.SplitSeq(condition, ",") {
		if part = strings.TrimSpace(part); part == "*" || part == etag {
			return true
		}
	}
	return false
}

func allowMethods(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	complain(w, http.StatusMethodNotAllowed, "there are "+strings.Join(methods, ", "))
	return false
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.Encode(v)
}

// complain answers with a reason (RFC 9457).
func complain(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
}

// etag is a hash of the settings, in quotes.
func (d document) etag() string {
	data, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and numbers
	}
	sum := sha256.Sum256(data)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}
