package guard

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

// writers is the ResponseWriter of an exchange. What the handler gets is a type with
// those of the methods that the server's has; each is a single pointer, so that making one
// allocates nothing.
type writers struct {
	inner       http.ResponseWriter
	wroteHeader bool
	gone        bool // writing to the client failed
}

func (w *writers) reset() { *w = writers{} }

type unwrapper interface{ Unwrap() http.ResponseWriter }

// wrap returns the ResponseWriter for the handler.
func (x *exchange) wrap(w http.ResponseWriter) http.ResponseWriter {
	x.inner = w
	b := writer{x}
	if _, ok := w.(unwrapper); ok {
		return hijacker{flusher{b}} // there is no telling what is below
	}
	_, flush := w.(http.Flusher)
	_, hijack := w.(http.Hijacker)
	_, push := w.(http.Pusher)
	switch {
	case flush && hijack:
		return hijacker{flusher{b}}
	case flush && push:
		return pusher{flusher{b}}
	case flush:
		return flusher{b}
	}
	return b
}

// exchangeOf finds the exchange below a ResponseWriter.
func exchangeOf(w http.ResponseWriter) *exchange {
	for {
		if b, ok := w.(interface{ exchange() *exchange }); ok {
			return b.exchange()
		}
		u, ok := w.(unwrapper)
		if !ok {
			return nil
		}
		w = u.Unwrap()
	}
}

// writer notes the status, counts bytes, and runs the clock while the client is waited for.
type writer struct{ x *exchange }

func (w writer) exchange() *exchange         { return w.x }
func (w writer) Unwrap() http.ResponseWriter { return w.x.inner }
func (w writer) Header() http.Header         { return w.x.inner.Header() }

func (w writer) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		w.begin(status)
	}
	w.x.inner.WriteHeader(status)
}

func (w writer) begin(status int) {
	if !w.x.wroteHeader {
		w.x.wroteHeader = true
		if w.x.g.cfg.Headers == HeadersAlways && status != http.StatusSwitchingProtocols {
			w.x.headers(w.x.inner.Header())
		}
		w.x.began(status)
	}
}

func (w writer) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	w.x.enter(len(p), false)
	n, err := w.x.inner.Write(p)
	w.left(int64(n), err)
	return n, err
}

// left is called once n bytes have gone to the client.
func (w writer) left(n int64, err error) {
	w.x.leave()
	w.x.e.bytes += n
	if err != nil && !errors.Is(err, http.ErrBodyNotAllowed) && !errors.Is(err, http.ErrContentLength) {
		w.x.gone = true
	}
}

func (w writer) WriteString(s string) (int, error) {
	w.begin(http.StatusOK)
	w.x.enter(len(s), false)
	n, err := io.WriteString(w.x.inner, s)
	w.left(int64(n), err)
	return n, err
}

// FlushError is what http.ResponseController looks for. It says if the server cannot.
func (w writer) FlushError() error {
	w.begin(http.StatusOK)
	if w.x.held.Load() && w.x.g.cfg.Gate.Hold == HoldWork && isStream(w.x.inner.Header()) {
		w.x.releaseEarly(w.x.g.now())
	}
	w.x.enter(0, true)
	err := http.NewResponseController(w.x.inner).Flush()
	w.left(0, nil)
	return err
}

// isStream tells the answers that go on for as long as anyone listens.
func isStream(h http.Header) bool {
	t := h.Get("Content-Type")
	for _, s := range [...]string{"text/event-stream", "multipart/x-mixed-replace", "application/grpc"} {
		if len(t) >= len(s) && strings.EqualFold(t[:len(s)], s) {
			return true
		}
	}
	return false
}

// readFrom lets the server send a file by itself. What comes from elsewhere it copies: there
// reading is the backend's time, and writing the client's.
func (w writer) readFrom(src io.Reader) (int64, error) {
	w.begin(http.StatusOK)
	from := src
	if l, ok := src.(*io.LimitedReader); ok {
		from = l.R
	}
	if _, ok := from.(*os.File); ok {
		if to, ok := w.x.inner.(io.ReaderFrom); ok {
			w.x.enter(buffered+1, false)
			n, err := to.ReadFrom(src)
			w.left(n, err)
			return n, err
		}
	}
	buf := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{src}, buf[:])
}

// flusher also has what handlers look for to stream.
type flusher struct{ writer }

func (w flusher) Flush() { _ = w.FlushError() }

// ReadFrom is here and not in writer only because every server's has it together with Flush.
func (w flusher) ReadFrom(src io.Reader) (int64, error) { return w.readFrom(src) }

// hijacker is that of HTTP/1.
type hijacker struct{ flusher }

// Hijack lets the handler take over the connection, which no longer has to do with the backend's
// limit.
func (w hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.x.inner).Hijack()
	if err == nil {
		w.begin(http.StatusSwitchingProtocols)
	}
	return conn, rw, err
}

// pusher is that of HTTP/2.
type pusher struct{ flusher }

func (w pusher) Push(target string, opts *http.PushOptions) error {
	return w.x.inner.(http.Pusher).Push(target, opts)
}
