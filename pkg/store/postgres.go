package store

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"cqkit/pkg/gcra"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schema string

const (
	pgTake   = `SELECT granted, owed, mark FROM cqkit_take_v1($1, $2, $3, $4, $5, $6)`
	pgRefund = `UPDATE cqkit_limits SET tat = tat - $4::bigint WHERE key = $1 AND tat = $2 AND period = $3 AND tat > cqkit_now_v1()`
	pgSweep  = `SELECT cqkit_sweep_v1($1)`
	pgReady  = `SELECT granted, owed, mark FROM cqkit_take_v1('', 1, 1, 0, 0, 0)`

	sweepEvery = time.Minute
)

// SchemaOptions are how a PostgreSQL database keeps limits.
type SchemaOptions struct {
	// Unlogged makes the table several times faster to write, and empty after a crash of the server.
	Unlogged bool
}

// Schema returns the SQL that CreateSchema runs.
func Schema(o SchemaOptions) string {
	unlogged := ""
	if o.Unlogged {
		unlogged = "UNLOGGED"
	}
	return strings.Replace(schema, "/*UNLOGGED*/", unlogged, 1)
}

// CreateSchema makes what Open needs in the PostgreSQL database at a URL: one table and a few functions, in the first
// schema of the search path. What is there already stays, a table also as logged or unlogged as it is.
func CreateSchema(ctx context.Context, url string, o SchemaOptions) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return fmt.Errorf("%s: %w", place(url), errPostgresURL)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("%s: %w", place(url), unwrapConnect(err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err = conn.Exec(ctx, Schema(o)); err != nil {
		return fmt.Errorf("%s: creating the schema: %w", place(url), err)
	}
	return nil
}

var errPostgresURL = fmt.Errorf("%w: it should be like postgres://user:password@host:5432/database", errBadURL)

// unwrapConnect returns why a connection failed, without the settings that pgx tells.
func unwrapConnect(err error) error {
	var c *pgconn.ConnectError
	if errors.As(err, &c) {
		if inner := c.Unwrap(); inner != nil {
			return inner
		}
	}
	return err
}

type pgServer struct {
	pool  *pgxpool.Pool
	name  string
	swept time.Time
	every time.Duration
}

func openPostgres(ctx context.Context, url string, o Options) (server, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errPostgresURL
	}
	// A decision sees what others have committed, whatever the database's standard is.
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "read committed"
	config.ConnConfig.ConnectTimeout = o.Timeout
	config.MaxConnLifetimeJitter = config.MaxConnLifetime / 4
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, err
	}
	return &pgServer{pool: pool, name: o.Name + ":", swept: time.Now(), every: time.Duration(float64(sweepEvery) * (0.5 + rand.Float64()))}, nil
}

func (s *pgServer) params(l gcra.Limit) (params, error) { return nanoParams(l) }

func (s *pgServer) prepare(ctx context.Context, _ *params) error {
	var r reply
	err := s.pool.QueryRow(ctx, pgReady).Scan(&r.granted, &r.owed, &r.mark.at)
	return explainPostgres(err)
}

// explainPostgres tells apart what waiting does not mend.
func explainPostgres(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && (e.Code == "42883" || e.Code == "42P01") { // undefined function, table
		return fmt.Errorf("%w (%s)", ErrNoSchema, e.Message)
	}
	return unwrapConnect(err)
}

func (s *pgServer) take(ctx context.Context, key string, p *params, a ask) (r reply, err error) {
	err = s.pool.QueryRow(ctx, pgTake, s.name+key, p.interval, p.capacity, a.charge, a.least, a.most).Scan(&r.granted, &r.owed, &r.mark.at)
	return r, explainPostgres(err)
}

func (s *pgServer) refund(ctx context.Context, key string, p *params, n uint64, m mark) (bool, error) {
	tag, err := s.pool.Exec(ctx, pgRefund, s.name+key, m.at, p.interval, p.cost(n))
	return err == nil && tag.RowsAffected() == 1, explainPostgres(err)
}

// tend deletes rows that owe nothing, once in a while.
func (s *pgServer) tend(ctx context.Context) {
	if time.Since(s.swept) < s.every {
		return
	}
	s.swept = time.Now()
	s.sweep(ctx)
}

// sweep deletes rows that owe nothing and returns their number, until there are no more or somebody else does it.
func (s *pgServer) sweep(ctx context.Context) (all int64, err error) {
	for {
		var n int64
		if err := s.pool.QueryRow(ctx, pgSweep, int64(grace)).Scan(&n); err != nil || n <= 0 {
			return all, explainPostgres(err)
		}
		all += n
	}
}

func (s *pgServer) close() { s.pool.Close() }
