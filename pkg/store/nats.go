package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"

	"cqkit/pkg/gcra"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	lanes         = 256     // callers of one instance that write at once, by key
	remembered    = 1 << 14 // entries of which the revision is remembered
	racePause     = 200 * time.Microsecond
	longRacePause = 20 * time.Millisecond
)

type natsServer struct {
	conn    *nats.Conn
	js      jetstream.JetStream
	options Options
	bucket  string
	clock   *serverClock

	mu      sync.Mutex
	kv      jetstream.KeyValue // nil until prepared
	entries map[string]natsEntry

	seed maphash.Seed
	lane [lanes]chan struct{}
}

// A natsEntry is the state of a key.
type natsEntry struct {
	tat, interval int64
	revision      uint64 // 0 if there is none
}

func openNATS(ctx context.Context, rawURL string, o Options) (server, error) {
	n := &natsServer{options: o, bucket: "cqkit_" + o.Name, entries: map[string]natsEntry{}, seed: maphash.MakeSeed()}
	n.clock = newServerClock(n.serverTime)
	for i := range n.lane {
		n.lane[i] = make(chan struct{}, 1)
	}
	for one := range strings.SplitSeq(rawURL, ",") {
		if u, err := url.Parse(strings.TrimSpace(one)); err != nil || u.Host == "" {
			return nil, fmt.Errorf("%w: it should be like nats://user:password@host:4222, or several with commas", errBadURL)
		}
	}
	timeout := openFor
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(end))
	}
	conn, err := nats.Connect(rawURL, nats.Name("cqkit"), nats.Timeout(timeout), nats.MaxReconnects(-1),
		nats.ReconnectWait(o.LongestPause/4), nats.ReconnectJitter(o.LongestPause/4, o.LongestPause/4),
		nats.ReconnectBufSize(-1), // what cannot be sent now is not sent at all
		nats.RetryOnFailedConnect(o.StartDown),
		nats.ReconnectHandler(func(*nats.Conn) { n.forget() }), // it may be another server, or have lost what it had
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return nil, err
	}
	n.conn = conn
	if n.js, err = jetstream.New(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return n, nil
}

func (n *natsServer) params(l gcra.Limit) (params, error) { return nanoParams(l) }

// prepare makes the bucket, or makes it keep entries for long enough.
func (n *natsServer) prepare(ctx context.Context, p *params) error {
	if !n.conn.IsConnected() {
		return nats.ErrDisconnected
	}
	keep := p.duration(p.capacity) + grace
	kv, err := n.js.KeyValue(ctx, n.bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		storage := jetstream.FileStorage
		if n.options.Memory {
			storage = jetstream.MemoryStorage
		}
		kv, err = n.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: n.bucket, Description: "rate limits of cqkit", TTL: keep,
			History: 1, Storage: storage, Replicas: n.options.Replicas})
		if errors.Is(err, jetstream.ErrBucketExists) { // somebody was faster
			kv, err = n.js.KeyValue(ctx, n.bucket)
		}
	}
	if err != nil {
		return err
	}
	status, err := kv.Status(ctx)
	if err != nil {
		return err
	}
	if config := status.Config(); config.TTL > 0 && config.TTL < keep {
		config.TTL = keep
		if kv, err = n.js.UpdateKeyValue(ctx, config); err != nil {
			return err
		}
	}
	n.mu.Lock()
	n.kv = kv
	clear(n.entries)
	n.mu.Unlock()
	_, err = n.clock.now(ctx, n.options.MaxUncertainty)
	return err
}

// serverTime asks for the server's clock.
func (n *natsServer) serverTime(ctx context.Context) (time.Time, error) {
	stream, err := n.js.Stream(ctx, "KV_"+n.bucket)
	if err != nil {
		return time.Time{}, err
	}
	at := stream.CachedInfo().TimeStamp
	if at.IsZero() {
		return at, errors.New("the server tells no time: NATS 2.10 or newer is needed")
	}
	return at, nil
}

func (n *natsServer) values() jetstream.KeyValue {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.kv
}

func (n *natsServer) take(ctx context.Context, key string, p *params, a ask) (reply, error) {
	if !n.conn.IsConnected() {
		return reply{}, nats.ErrDisconnected
	}
	lane := n.lane[maphash.String(n.seed, key)%lanes]
	select {
	case lane <- struct{}{}:
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
	defer func() { <-lane }()
	e, known := n.recall(key)
	for pause := racePause; ; pause = min(2*pause, longRacePause) {
		if !known {
			var err error
			if e, err = n.read(ctx, key); err != nil {
				return reply{}, err
			}
		}
		now, err := n.clock.now(ctx, n.options.MaxUncertainty)
		if err != nil {
			return reply{}, err
		}
		owed := p.convert(max(0, e.tat-now), e.interval)
		granted, after := p.apply(owed, a)
		if !a.writes(granted) {
			if known { // a denial is by what is there now
				known = false
				continue
			}
			return reply{owed: after, mark: mark{value: now + after}}, nil
		}
		next := natsEntry{tat: now + after, interval: p.interval}
		next.revision, err = n.write(ctx, key, next, e.revision)
		if err == nil {
			n.remember(key, next)
			return reply{granted: granted, owed: after, mark: mark{at: int64(next.revision), value: next.tat}}, nil
		}
		if !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			n.drop(key)
			return reply{}, err
		}
		if !known { // a race lost, not only an old memory
			if err := sleep(ctx, time.Duration(rand.Float64()*float64(pause))); err != nil {
				return reply{}, err
			}
		}
		known = false
	}
}

func (n *natsServer) refund(ctx context.Context, key string, p *params, cells uint64, m mark) (bool, error) {
	now, err := n.clock.now(ctx, n.options.MaxUncertainty)
	if err != nil || m.value <= now {
		return false, err
	}
	e := natsEntry{tat: m.value - p.cost(cells), interval: p.interval}
	n.drop(key)
	_, err = n.write(ctx, key, e, uint64(m.at))
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return false, nil
	}
	return err == nil, err
}

const natsEntryLen = 16

func (n *natsServer) read(ctx context.Context, key string) (natsEntry, error) {
	v, err := n.values().Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return natsEntry{}, nil
	}
	if err != nil {
		return natsEntry{}, err
	}
	b := v.Value()
	if len(b) != natsEntryLen {
		return natsEntry{}, fmt.Errorf("an entry of %d bytes is not a limit", len(b))
	}
	n.clock.notBefore(v.Created())
	e := natsEntry{tat: int64(binary.BigEndian.Uint64(b)), interval: int64(binary.BigEndian.Uint64(b[8:])), revision: v.Revision()}
	if e.tat < 0 || e.interval <= 0 {
		return natsEntry{}, errors.New("an entry is not a limit")
	}
	return e, nil
}

func (n *natsServer) write(ctx context.Context, key string, e natsEntry, revision uint64) (uint64, error) {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, natsEntryLen), uint64(e.tat))
	b = binary.BigEndian.AppendUint64(b, uint64(e.interval))
	return n.values().Update(ctx, key, b, revision)
}

func (n *natsServer) recall(key string) (natsEntry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.entries[key]
	return e, ok
}

func (n *natsServer) remember(key string, e natsEntry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, there := n.entries[key]; !there && len(n.entries) >= remembered {
		for old := range n.entries { // any
			delete(n.entries, old)
			break
		}
	}
	n.entries[key] = e
}

func (n *natsServer) drop(key string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.entries, key)
}

// forget forgets what another server, or a bucket made anew, would not tell the same.
func (n *natsServer) forget() {
	n.clock.forget()
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.entries)
}

func (n *natsServer) tend(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, n.options.Timeout)
	defer cancel()
	_ = n.clock.sample(ctx) // the next decision tries again, and tells
}

func (n *natsServer) close() { n.conn.Close() }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
