package guard

import (
	"io"
	"net/http"
)

// readAhead awaits the first bytes of the request's body, as Gate.ReadAhead says.
func (x *exchange) readAhead() {
	r, most := x.r, int64(x.g.cfg.Gate.ReadAhead)
	if r.ContentLength <= 0 || most <= 0 || x.e.client || r.Body == nil || r.Header.Get("Expect") != "" {
		return
	}
	x.ahead = true
	b := &aheadBody{ReadCloser: r.Body, ahead: make([]byte, min(most, r.ContentLength))}
	n := 0
	for n < len(b.ahead) && b.err == nil {
		var m int
		m, b.err = r.Body.Read(b.ahead[n:])
		n += m
	}
	b.ahead = b.ahead[:n]
	r.Body = b
}

// aheadBody is a body of which some has been read.
type aheadBody struct {
	io.ReadCloser
	ahead  []byte
	err    error // what follows it; nil if the rest of the body does
	closed bool
}

func (b *aheadBody) Read(p []byte) (int, error) {
	switch {
	case b.closed:
		return 0, http.ErrBodyReadAfterClose
	case len(b.ahead) > 0:
		n := copy(p, b.ahead)
		b.ahead = b.ahead[n:]
		return n, nil
	case b.err != nil:
		return 0, b.err
	}
	return b.ReadCloser.Read(p)
}

func (b *aheadBody) Close() error {
	b.closed = true
	return b.ReadCloser.Close()
}
