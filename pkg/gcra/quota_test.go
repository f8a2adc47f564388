package gcra

import (
	"testing"
	"time"
	_ "time/tzdata" // zones, wherever the tests run
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestPeriodBounds has days of 23, 25 and 24.5 hours, days without a midnight, and one that
// was left out.
func TestPeriodBounds(t *testing.T) {
	for _, c := range []struct {
		zone, at   string
		period     Period
		start, end string
	}{
		{"Europe/Berlin", "2026-03-29T12:00:00+02:00", Day, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"Europe/Berlin", "2026-10-25T02:30:00+02:00", Day, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"Europe/Berlin", "2026-10-25T02:30:00+02:00", Hour, "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"},
		{"Europe/Berlin", "2026-10-25T02:30:00+01:00", Hour, "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"},
		{"America/Sao_Paulo", "2018-11-04T12:00:00-02:00", Day, "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
		{"America/Sao_Paulo", "2018-11-03T12:00:00-03:00", Day, "2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00"},
		{"Pacific/Apia", "2011-12-29T12:00:00-10:00", Day, "2011-12-29T00:00:00-10:00", "2011-12-31T00:00:00+14:00"},
		{"UTC", "2026-12-31T23:59:59Z", Week, "2026-12-28T00:00:00Z", "2027-01-04T00:00:00Z"},
		{"UTC", "2028-02-29T00:00:00Z", Month, "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z"},
		{"Asia/Kathmandu", "2026-07-01T00:00:00+05:45", Year, "2026-01-01T00:00:00+05:45", "2027-01-01T00:00:00+05:45"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		start, end := c.period.bounds(at.In(zone(t, c.zone)))
		if got, want := start.Format(time.RFC3339), c.start; got != want {
			t.Errorf("%v of %s in %s begins at %s, want %s", c.period, c.at, c.zone, got, want)
		}
		if got, want := end.Format(time.RFC3339), c.end; got != want {
			t.Errorf("%v of %s in %s ends at %s, want %s", c.period, c.at, c.zone, got, want)
		}
	}
}

func TestQuota(t *testing.T) {
	free := Tier{"free", []Allowance{{100, Day}, {250, Month}}}
	pro := Tier{"pro", []Allowance{{1000, Day}}}
	origin := time.Date(2026, 3, 27, 18, 0, 0, 0, zone(t, "Europe/Berlin"))
	q, err := NewQuota(free, origin, zone(t, "Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	take := func(now time.Duration, n uint64, allowed bool, remaining uint64, retry time.Duration) Decision {
		t.Helper()
		d := q.Take(now, n)
		if d.Allowed != allowed || d.Remaining != remaining || d.RetryAfter != retry {
			t.Errorf("%d after %v: got %+v, want %v, %d, %v", n, now, d, allowed, remaining, retry)
		}
		return d
	}
	take(0, 60, true, 40, 0)
	take(time.Hour, 41, false, 40, 5*time.Hour) // midnight is six hours away
	d := take(time.Hour, 40, true, 0, 0)
	if !q.Refund(2*time.Hour, &d) || q.Refund(2*time.Hour, &d) {
		t.Error("no refund, or two")
	}
	take(2*time.Hour, 40, true, 0, 0)
	take(6*time.Hour, 100, true, 0, 0)
	take(7*time.Hour, 1, false, 0, 23*time.Hour)
	take(30*time.Hour, 50, true, 0, 0)
	// The month has 250: until April 1st, and the clock goes forward before.
	take(31*time.Hour, 1, false, 0, 4*day+6*time.Hour-time.Hour-31*time.Hour)
	if used, next := q.Used(31*time.Hour, Month); used != 250 || !next.Equal(time.Date(2026, 4, 1, 0, 0, 0, 0, origin.Location())) {
		t.Errorf("%d used until %v", used, next)
	}
	// An earlier day is over, whatever the clock says.
	take(29*time.Hour, 1, false, 0, 4*day+6*time.Hour-time.Hour-29*time.Hour)
	if err := q.SetTier(pro); err != nil {
		t.Fatal(err)
	}
	take(31*time.Hour, 950, true, 0, 0)
	take(29*time.Hour, 1, false, 0, day-time.Hour+time.Hour)
	if err := q.SetTier(free); err != nil || q.Tier().Name != "free" {
		t.Fatal(err)
	}
	take(32*time.Hour, 1, false, 0, 4*day+6*time.Hour-time.Hour-32*time.Hour)
	if q.SetTier(Tier{}) == nil || new(Quota).SetTier(pro) == nil {
		t.Error("nothing is a tier")
	}
}
