package guard

import (
	"net/http"
	"sync"
	"time"

	"cqkit/pkg/vegas"
)

// outcomesSeen is an observer that keeps events.
type outcomesSeen struct {
	mu     sync.Mutex
	events []event
}

func (o *outcomesSeen) begin(r *http.Request) *http.Request { return r }
func (o *outcomesSeen) decided(*http.Request, *event)       {}
func (o *outcomesSeen) finished(_ *http.Request, e *event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, *e)
}

func (o *outcomesSeen) last() event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.events[len(o.events)-1]
}

// count tells how many events had each outcome.
func (o *outcomesSeen) count() (n [outcomes]int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.events {
		n[e.outcome]++
	}
	return n
}

// windows is a controller that keeps what it is told, and leaves the limit alone.
type windows struct {
	mu   sync.Mutex
	all  []vegas.Window
	high int
}

func (c *windows) Limit() int { return max(1, c.high) }

func (c *windows) Update(w vegas.Window) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, w)
	return c.Limit()
}

// close ends the window of a guard that is idle, and returns all there were.
func closeWindow(g *Guard) []vegas.Window {
	c := g.bounds.Controller.(*windows)
	p, ok := g.gate.Try(g.now(), vegas.Class{})
	if !ok {
		panic("the guard is not idle")
	}
	p.Release(g.now()+time.Hour, vegas.Overload) // a window with an overload ends after a second
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// overloads counts those that a guard's controller has been told of.
func overloads(g *Guard) int {
	n := -1 // that of closeWindow
	for _, w := range closeWindow(g) {
		n += w.Overloads
	}
	return n
}
