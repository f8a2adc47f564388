package store_test

import (
	"context"
	"fmt"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/store"
)

// Each customer may call 500 times a second, 50 at once, over all instances of the service.
func Example() {
	ctx := context.Background()
	shared, err := store.Open(ctx, "redis://localhost:6379/0", store.Options{
		Limit:     gcra.Limit{Rate: gcra.Rate{Cells: 500, Per: time.Second}, Burst: 50},
		Name:      "calls",
		Mode:      store.Leased,
		Failure:   store.FailLocal,
		Instances: 4,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = shared.Close(ctx) }()
	d, err := shared.Take(ctx, "customer-17", 1)
	if err == nil && d.Allowed {
		fmt.Println("served")
	}
}
