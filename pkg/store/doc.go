// Package store keeps rate limits that many instances of a service share, in Redis, NATS
// JetStream or PostgreSQL. docs/store.md has the promises as inequalities, what is lost
// when a server is, and what is stored where.
//
//   - Open connects to a server and returns a Store, one limit for each of any number of keys.
//   - Mode says how exactly the limit is kept: every decision shared, cells leased a
//     number at a time, or decisions by what is known and reported afterwards.
//   - Failure says what a decision is when the server does not answer.
//   - CreateSchema prepares a PostgreSQL database.
//
// The arithmetic and the decisions are those of package gcra. Limits within one
// process need no Store.
package store
