package guard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/guard"
	"cqkit/pkg/vegas"
)

func Example() {
	g, err := guard.New(guard.Config{
		Limits: []guard.Limit{{Name: "client", Limit: gcra.Limit{Rate: gcra.Rate{Cells: 1, Per: time.Minute}, Burst: 2}}},
		Gate:   &guard.Gate{Vegas: vegas.Config{Initial: 4}, Queue: 100},
		Classes: []guard.Class{
			{Name: "health", Paths: []string{"/healthz"}, Bypass: true},
			{Name: "reports", Paths: []string{"/reports/"}, Priority: vegas.Background},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := g.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") }))
	for _, path := range []string{"/", "/reports/1", "/", "/healthz"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, w.Code)
		if w.Code == http.StatusTooManyRequests {
			fmt.Println(w.Header().Get("RateLimit-Policy"), w.Header().Get("Retry-After"))
		}
	}
	// Output:
	// / 200
	// /reports/1 200
	// / 429
	// "client";q=2;w=120 60
	// /healthz 200
}
