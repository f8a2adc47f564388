package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cqkit/pkg/latency"
)

// TestRecorders spreads one run over several recorders and compares the result with one that
// kept everything.
func TestRecorders(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	recs := []*Recorder{{}, {}, {}}
	var want Counts
	var response, service, lag latency.Histogram
	perSecond := map[int]*Counts{}
	at := func(d time.Duration) *Counts {
		i := int(max(d, 0) / time.Second)
		if perSecond[i] == nil {
			perSecond[i] = new(Counts)
		}
		return perSecond[i]
	}
	for i := range 5000 {
		rec := recs[r.IntN(3)]
		due := time.Duration(i) * time.Millisecond
		rec.Offered(due, 1)
		at(due).Offered++
		want.Offered++
		if r.IntN(20) == 0 {
			rec.Dropped(due, 3*time.Second)
			at(due).Dropped++
			want.Dropped++
			response.RecordAtLeast(3 * time.Second)
			continue
		}
		sent := due + time.Duration(r.IntN(3000))*time.Microsecond
		rec.Sent(sent, sent-due, sent-due > time.Millisecond)
		at(sent).Sent++
		want.Sent++
		if sent-due > time.Millisecond {
			at(sent).Late++
			want.Late++
		}
		lag.Record(sent - due)
		done := sent + 5*time.Millisecond
		o := Outcome(r.IntN(NumOutcomes))
		rec.Done(done, o, done-due, done-sent)
		at(done).Outcomes[o]++
		want.Outcomes[o]++
		if o <= ServerError {
			response.Record(done - due)
			service.Record(done - sent)
		} else {
			response.RecordAtLeast(done - due)
			service.RecordAtLeast(done - sent)
		}
	}
	got := NewResult(recs...)
	if got.Requests != want {
		t.Errorf("got %+v, want %+v", got.Requests, want)
	}
	if err := got.Requests.check(); err != nil {
		t.Error(err)
	}
	for i, s := range got.Seconds {
		if s.Counts != *perSecond[i] {
			t.Errorf("second %d: got %+v, want %+v", i, s.Counts, *perSecond[i])
		}
		var h latency.Histogram
		if s.Response != nil {
			if err := h.UnmarshalBinary(s.Response); err != nil {
				t.Fatal(err)
			}
		}
		answered := s.Dropped
		for _, n := range s.Outcomes {
			answered += n
		}
		if h.Count() != answered {
			t.Errorf("second %d has %d response times for %d requests", i, h.Count(), answered)
		}
	}
	for name, pair := range map[string][2]*latency.Histogram{"response": {&got.Response, &response}, "service": {&got.Service, &service}, "lag": {&got.Lag, &lag}} {
		if !slices.Equal(encode(pair[0]), encode(pair[1])) {
			t.Errorf("%s: %d records, want %d", name, pair[0].Count(), pair[1].Count())
		}
	}
}

func TestRecorderAtTheEdges(t *testing.T) {
	var rec Recorder
	rec.Offered(-time.Second, 1)
	rec.Sent(1<<62, 0, false)
	rec.Done(2*time.Second, OK, 1, 1)
	rec.Done(1*time.Second, OK, 2, 2) // out of order: it counts, in a later second
	got := NewResult(&rec, &Recorder{})
	if len(got.Seconds) != maxSeconds || got.Requests.Offered != 1 || got.Seconds[0].Offered != 1 || got.Response.Count() != 2 {
		t.Errorf("%d seconds, %+v", len(got.Seconds), got.Requests)
	}
	if NewResult().Requests != (Counts{}) {
		t.Error("no recorders, yet requests")
	}
}

func TestCountsCheck(t *testing.T) {
	good := Counts{Offered: 5, Sent: 4, Dropped: 1, Late: 4, Outcomes: [NumOutcomes]uint64{OK: 3, Canceled: 1}}
	if err := good.check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Counts){
		"offered": func(c *Counts) { c.Offered++ }, "sent": func(c *Counts) { c.Sent++ }, "dropped": func(c *Counts) { c.Dropped++ },
		"late": func(c *Counts) { c.Late = 5 }, "ok": func(c *Counts) { c.Outcomes[OK]++ },
		"wrapped": func(c *Counts) { c.Outcomes[OK] -= 4; c.Outcomes[Redirect] += 4 },
	} {
		c := good
		change(&c)
		if c.check() == nil {
			t.Errorf("%s: accepted %+v", name, c)
		}
	}
}
