package gcra

import "time"

// A Period is a unit of the calendar, in some time zone.
type Period uint8

// The periods. Weeks begin on Monday (ISO 8601). Where a clock is set back by an hour, the
// hours before and after it are two.
const (
	Hour Period = iota + 1
	Day
	Week
	Month
	Year

	periods = int(Year)
)

// String returns the period's name, such as "month".
func (p Period) String() string {
	if p < Hour || p > Year {
		return "no period"
	}
	return [...]string{"hour", "day", "week", "month", "year"}[p-1]
}

// number returns a number of the period that t is in, which rises with time.
func (p Period) number(t time.Time) int64 {
	switch p {
	case Hour:
		_, minute, second := t.Clock()
		return t.Unix() - int64(minute*60+second)
	case Day:
		y, m, d := t.Date()
		return int64(y*10000 + int(m)*100 + d)
	case Week:
		y, w := t.ISOWeek()
		return int64(y*100 + w)
	case Month:
		y, m, _ := t.Date()
		return int64(y*100 + int(m))
	default:
		return int64(t.Year())
	}
}

// longest returns more than the period ever takes, clock changes and skipped days
// included.
func (p Period) longest() time.Duration {
	const day = 24 * time.Hour
	return [...]time.Duration{3 * time.Hour, 3 * day, 9 * day, 34 * day, 369 * day}[p-1]
}

// bounds returns the first instant of the period that t is in and that of the next one.
// Midnight does not exist everywhere, so they are searched for by what the calendar says.
func (p Period) bounds(t time.Time) (start, end time.Time) {
	number := p.number(t)
	first := func(lo, hi time.Time, least int64) time.Time { // lo is before it, hi is not
		for hi.Sub(lo) > 1 {
			mid := lo.Add(hi.Sub(lo) / 2)
			if p.number(mid) >= least {
				hi = mid
			} else {
				lo = mid
			}
		}
		return hi
	}
	return first(t.Add(-p.longest()), t, number), first(t, t.Add(p.longest()), number+1)
}
