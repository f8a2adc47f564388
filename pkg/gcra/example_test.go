package gcra_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
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

// A key that is at hand as bytes need not become a string, and nothing is allocated either way.
func ExampleTakeBytes() {
	clients, err := gcra.NewKeyed[string](gcra.KeyedConfig{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 1000}})
	if err != nil {
		panic(err)
	}
	packet := []byte("client-7 hello")
	key, _, _ := bytes.Cut(packet, []byte(" "))
	fmt.Println(gcra.TakeBytes(clients, key, 0, 1).Remaining, clients.Take("client-7", 0, 1).Remaining)
	fmt.Println(testing.AllocsPerRun(100, func() { gcra.TakeBytes(clients, key, 0, 1) }),
		testing.AllocsPerRun(100, func() { clients.Take("client-7", 0, 1) }))
	// Output:
	// 999 998
	// 0 0
}

// Every decision says what a client is to be told.
func ExampleDecision_SetHeader() {
	limit := gcra.Limit{Rate: gcra.Rate{Cells: 5, Per: time.Second}, Burst: 50}
	l, err := gcra.New(limit.Rate, limit.Burst)
	if err != nil {
		panic(err)
	}
	l.Take(0, 45)
	handler := func(w http.ResponseWriter, cost uint64) {
		d := l.Take(0, cost)
		d.SetHeader(w.Header().Set, "default", limit.Policy("default"), false)
		if !d.Allowed {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	for _, cost := range []uint64{1, 12} {
		w := httptest.NewRecorder()
		handler(w, cost)
		fmt.Println(w.Code)
		for _, field := range []string{"RateLimit-Policy", "RateLimit", "Retry-After"} {
			fmt.Println(field, w.Header().Values(field))
		}
	}
	// Output:
	// 200
	// RateLimit-Policy ["default";q=50;w=10]
	// RateLimit ["default";r=4;t=10]
	// Retry-After []
	// 429
	// RateLimit-Policy ["default";q=50;w=10]
	// RateLimit ["default";r=4;t=2]
	// Retry-After [2]
}

// Wait is for who has time: it sleeps until the cells may be used.
func ExampleWait() {
	start := time.Now()
	clock := func() time.Duration { return time.Since(start) }
	l, err := gcra.New(gcra.Every(10*time.Millisecond), 1)
	if err != nil {
		panic(err)
	}
	for range 3 {
		if _, err := gcra.Wait(context.Background(), clock, l, 1); err != nil {
			panic(err)
		}
	}
	fmt.Println(clock() >= 20*time.Millisecond)
	ctx, cancel := context.WithTimeout(context.Background(), time.Microsecond)
	defer cancel()
	_, err = gcra.Wait(ctx, clock, l, 1)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output:
	// true
	// true
}

// A new limit leaves debts as they are, in cells.
func ExampleLimiter_Change() {
	l, err := gcra.New(gcra.Every(time.Second), 10)
	if err != nil {
		panic(err)
	}
	l.Take(0, 10)
	fmt.Println(l.Peek(4*time.Second, 0))
	if err := l.Change(4*time.Second, gcra.Limit{Rate: gcra.Every(time.Minute), Burst: 10}); err != nil {
		panic(err)
	}
	fmt.Println(l.Peek(4*time.Second, 0))
	fmt.Println(l.Peek(4*time.Second+2*time.Minute, 0))
	// Output:
	// allowed, 4 of 10 left
	// allowed, 4 of 10 left
	// allowed, 6 of 10 left
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
