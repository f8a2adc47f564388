// Command bench times what cqbench times beside what other projects need for the same, in interleaved rounds of one
// run, and prints a table in Markdown:
//
//	cd pkg/internal/peers && go run ./bench [-time 500ms] [-only hmac,gcra] [-json FILE]
//
// Ours are the functions of cqkit/pkg/bench/figures themselves. A ratio is a peer's time by ours, with the interval at
// 99 % of their pairs, round by round. It ends with how fast SHA-256 is right after each call that uses vector registers.
package main
