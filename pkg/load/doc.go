// Package load sends requests to an HTTP endpoint and measures what becomes of each.
//
//   - [Targets] are what is requested: one URL or a list, with seeded variables.
//   - [Config] says when: by a schedule (open loop) or as answers come (closed loop), and how
//     many may be in flight, which a [vegas.Controller] may decide. [Run] does it.
//   - [Result] is what was measured, [Observation] one request, [Recorder] what takes
//     them down. docs/result-format.md is the file results are saved in.
//
// Response times count from when a request was due, service times from when it left, and
// requests that never left are drops: docs/load.md says what is measured from which
// instant, what each outcome means, and when the figures cannot be trusted.
//
// Plain HTTP/1.1 on Linux runs in event loops over raw sockets, TLS and other systems over
// net.Conn, both with the package's own parser; HTTP/2, proxies and redirects run in net/http.
// The package caches nothing, keeps no cookies, retries nothing and runs no scripts.
package load
