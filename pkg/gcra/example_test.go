package gcra_test

import (
	"fmt"
	"net/http"
	"time"

	"cqkit/pkg/gcra"
)

func Example() {
	limit, err := gcra.ParseLimit("5/s:burst=2")
	if err != nil {
		panic(err)
	}
	l, err := gcra.New(limit.Rate, limit.Burst)
	if err != nil {
		panic(err)
	}
	for _, now := range []time.Duration{0, 0, 0, 200 * time.Millisecond} {
		fmt.Printf("%v: %v\n", now, l.Take(now, 1))
	}
	// Output:
	// 0s: allowed, 1 of 2 left
	// 0s: allowed, 0 of 2 left
	// 0s: denied, 0 of 2 left, retry after 200ms
	// 200ms: allowed, 0 of 2 left
}

// A server takes the time since it started, and tells clients where they stand.
func ExampleKeyed() {
	limit, err := gcra.ParseLimit("30/m:burst=1")
	if err != nil {
		panic(err)
	}
	clients, err := gcra.NewKeyed[string](gcra.KeyedConfig{Limit: limit})
	if err != nil {
		panic(err)
	}
	policy := limit.Policy("default")
	for _, now := range []time.Duration{0, 500 * time.Millisecond} {
		h := http.Header{}
		clients.Take("192.0.2.1", now, 1).SetHeader(h.Set, "default", policy, false)
		fmt.Println(h)
	}
	// Output:
	// map[Ratelimit:["default";r=0;t=2] Ratelimit-Policy:["default";q=1;w=2]]
	// map[Ratelimit:["default";r=0;t=2] Ratelimit-Policy:["default";q=1;w=2] Retry-After:[2]]
}

// A day's quota beside a limit for the second: what one denies, neither counts.
func ExampleAll() {
	second, err := gcra.New(gcra.Rate{Cells: 10, Per: time.Second}, 10)
	if err != nil {
		panic(err)
	}
	free := gcra.Tier{Name: "free", Allowances: []gcra.Allowance{{Cells: 12, Period: gcra.Day}}}
	day, err := gcra.NewQuota(free, time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC), time.UTC)
	if err != nil {
		panic(err)
	}
	both := gcra.NewAll(second, day)
	fmt.Println(both.Take(0, 10))
	fmt.Println(both.Take(time.Second, 10))
	fmt.Println(both.Take(time.Hour, 10))
	// Output:
	// allowed, 0 of 10 left
	// denied, 2 of 12 left, retry after 59m59s
	// allowed, 0 of 10 left
}
