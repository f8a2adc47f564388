package infer

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// An Event is a request and how it was answered. Requests that were answered neither
// way (errors, time-outs) are left out.
type Event struct {
	// Sent is when the request was about to leave, and Answered when its answer had
	// come, both on one monotonic clock. It was decided at some time between.
	Sent, Answered time.Duration
	// Admitted tells whether it passed the limit; otherwise the limit refused it.
	Admitted bool
}

// timeline answers how many requests were admitted before a time.
type timeline struct {
	events   []Event         // by Sent
	sent     []time.Duration // of those admitted, sorted
	answered []Event         // those admitted, by Answered
	done     []time.Duration // when the first so many of sent had all been answered
	// The first request was decided at or after first, and at or before firstDone.
	first, firstDone time.Duration
	refusals         []time.Duration // Sent of those refused, sorted
}

func newTimeline(events []Event) *timeline {
	tl := &timeline{events: slices.Clone(events)}
	slices.SortFunc(tl.events, func(a, b Event) int { return cmp.Compare(a.Sent, b.Sent) })
	for _, e := range tl.events {
		if e.Admitted {
			tl.sent = append(tl.sent, e.Sent)
			if done := e.Answered; len(tl.done) > 0 && tl.done[len(tl.done)-1] > done {
				tl.done = append(tl.done, tl.done[len(tl.done)-1])
			} else {
				tl.done = append(tl.done, done)
			}
			tl.answered = append(tl.answered, e)
		} else {
			tl.refusals = append(tl.refusals, e.Sent)
		}
	}
	slices.SortFunc(tl.answered, func(a, b Event) int { return cmp.Compare(a.Answered, b.Answered) })
	if len(tl.sent) > 0 {
		tl.first, tl.firstDone = tl.sent[0], tl.answered[0].Answered
	}
	return tl
}

// before returns the least and the most requests that can have been admitted when e
// was decided, without e itself.
func (tl *timeline) before(e Event) (least, most int) {
	least = sort.Search(len(tl.answered), func(i int) bool { return tl.answered[i].Answered > e.Sent })
	most = sort.Search(len(tl.sent), func(i int) bool { return tl.sent[i] >= e.Answered })
	if e.Admitted {
		most--                   // it was sent before it was answered, and so is counted
		least = min(least, most) // if it took no time
	}
	return least, most
}
