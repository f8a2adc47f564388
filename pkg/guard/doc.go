// Package guard puts rate limits and a concurrency limit in front of HTTP.
//
// A [Guard] decides about requests: by GCRA for each key (package gcra), which is how often
// a client may come, and by a gate with the Vegas controller (package vegas), which is how many
// the backend can work on at once. It stands in front of a handler ([Guard.Middleware]), in
// front of an upstream ([Guard.Proxy]) or behind a client ([Guard.RoundTripper]):
//
//	g, err := guard.New(guard.Config{
//		Limits: []guard.Limit{{Name: "client", Limit: gcra.Limit{Rate: gcra.Rate{Cells: 50, Per: time.Second}, Burst: 20}}},
//		Gate:   &guard.Gate{Queue: 100},
//	})
//	...
//	http.ListenAndServe(addr, g.Middleware(mux))
//
// Who comes too often is told 429 with RateLimit, RateLimit-Policy and Retry-After; who comes
// while the backend is busy, 503 with Retry-After. docs/guard.md has the promises, what a
// slow client can and cannot hold, how addresses are found behind proxies, and the
// law by which a rate follows the backend.
//
// The package does not authenticate anyone, cache, retry or balance load between upstreams.
package guard
