package load_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"cqkit/pkg/gcra"
	"cqkit/pkg/load"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s", r.URL.Path)
	}))
	defer server.Close()

	targets, err := load.NewTargets(load.TargetOptions{Templates: true}, load.Request{URL: server.URL + "/{{int 1 9}}"})
	if err != nil {
		fmt.Println(err)
		return
	}
	rate, err := gcra.ParseProfile("100/s:200ms,200/s:100ms")
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := load.Run(context.Background(), &load.Config{
		Targets: targets,
		Rate:    rate,
		Timeout: 10 * time.Second,
		Expect:  []byte("hello /"),
		Loops:   1, // the server is in this process
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	n := result.Requests
	fmt.Println(n.Offered, "due,", n.Outcomes[load.OK], "ok,", n.Dropped, "dropped,", result.Window)
	// Output: 40 due, 40 ok, 0 dropped, 300ms
}
