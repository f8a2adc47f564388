package guard

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ErrControlExposed means that a control plane would be open to others than this machine without
// what protects it.
var ErrControlExposed = errors.New("the control plane would be open to the network without tokens and TLS")

// CheckControlAddress returns [ErrControlExposed] unless address, a host and a port, is a loopback address or
// there are both tokens and TLS. A host that is a name, but for localhost, may be any
// address.
func CheckControlAddress(address string, tokens, tls bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if tokens && tls || strings.EqualFold(host, "localhost") {
		return nil
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Unmap().IsLoopback() {
		return nil
	}
	return ErrControlExposed
}

// rebound tells whether a request that came in on a loopback address names another host than
// this machine, as one does that a page in a browser makes to a name of its own.
func rebound(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	_, err = netip.ParseAddr(host)
	return err != nil && !strings.EqualFold(host, "localhost")
}
