package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"

	"cqkit/pkg/gcra"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	redisPerMicro = 1024
	exactDoubles  = 1 << 52 // debts up to here are kept to the tick, longer ones to the µs
)

var (
	//go:embed redis.lua
	redisTake string
	//go:embed redis_refund.lua
	redisRefund string
)

// silence keeps the library from printing what its errors tell anyway. It has one logger for a whole program.
var silence = sync.OnceFunc(func() { redis.SetLogger(noLogger{}) })

type noLogger struct{}

func (noLogger) Printf(context.Context, string, ...any) {}

type redisServer struct {
	client       *redis.Client
	prefix       string
	decide, back *redis.Script
}

func openRedis(_ context.Context, url string, o Options) (server, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("%w: it should be like redis://user:password@host:6379/0 or unix:///path/to/socket?db=0", errBadURL)
	}
	silence()
	// What is retried here is counted twice, and what waits here waits longer than the caller wants.
	options.MaxRetries = -1
	options.DialerRetries = 1
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &redisServer{client: redis.NewClient(options), prefix: "cqkit:" + o.Name + ":",
		decide: redis.NewScript(redisTake), back: redis.NewScript(redisRefund)}, nil
}

func (r *redisServer) params(l gcra.Limit) (params, error) {
	p, err := newParams(l, redisPerMicro, 1)
	if err == nil && p.interval < redisPerMicro {
		return p, errors.New("in Redis rates are up to 1000000/s")
	}
	if err == nil && p.capacity > exactDoubles {
		p, err = newParams(l, redisPerMicro, redisPerMicro)
	}
	return p, err
}

// multiple returns the ticks in units of which debts are kept.
func multiple(p *params) int64 {
	if p.capacity > exactDoubles {
		return redisPerMicro
	}
	return 1
}

func (r *redisServer) prepare(ctx context.Context, _ *params) error {
	return r.client.Ping(ctx).Err()
}

func (r *redisServer) take(ctx context.Context, key string, p *params, a ask) (reply, error) {
	v, err := r.decide.Run(ctx, r.client, []string{r.prefix + key},
		p.interval, p.capacity, multiple(p), a.charge, a.least, a.most, grace.Milliseconds()).Int64Slice()
	if err != nil {
		return reply{}, err
	}
	if len(v) != 3 || v[0] < 0 || v[1] < 0 {
		return reply{}, fmt.Errorf("an answer of %d values", len(v))
	}
	return reply{granted: uint64(v[0]), owed: v[1], mark: mark{at: v[2], value: v[1]}}, nil
}

func (r *redisServer) refund(ctx context.Context, key string, p *params, n uint64, m mark) (bool, error) {
	done, err := r.back.Run(ctx, r.client, []string{r.prefix + key}, m.at, m.value, p.interval, p.cost(n)).Bool()
	return done, err
}

func (r *redisServer) tend(context.Context) {}

func (r *redisServer) close() { _ = r.client.Close() }
