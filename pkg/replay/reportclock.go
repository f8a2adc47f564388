package replay

import (
	"fmt"
)

// bootClocks reports boot times and times of day that ran back.
func (d *Detector) bootClocks(s *source) {
	b := &s.boot
	if b.returned.count > 0 {
		f := d.of(s, Clock, High, b.returned.first, b.returned.last, b.returned.count, b.returned.message,
			fmt.Sprintf("frames of another boot time, %s away, between frames of this one (%s)", span(b.returned.most), times(b.returned.count)))
		if s.several {
			f.Severity = Medium
			f.Detail += "; see second_transmitter"
		}
		d.report(f)
	}
	if b.steps.count > 0 {
		f := d.of(s, Clock, Medium, b.steps.first, b.steps.last, b.steps.count, b.steps.message,
			fmt.Sprintf("the boot time runs back by up to %s without a reboot (%s)", span(b.steps.most), times(b.steps.count)))
		original := b.steps.original
		f.Original = &original
		if b.steps.most <= moment {
			f.Severity = Low
		}
		d.report(f)
	}
	if b.days.count > 0 {
		d.report(d.of(s, Clock, Low, b.days.first, b.days.last, b.days.count, b.days.message,
			fmt.Sprintf("the vehicle's time of day runs back by up to %s (%s)", span(b.days.most), times(b.days.count))))
	}
}

// logClocks reports times of records that ran back.
func (d *Detector) logClocks() {
	l := &d.clock
	if l.returned.count > 0 {
		d.report(Finding{Kind: Clock, Severity: High, First: l.returned.first, Last: l.returned.last, Count: l.returned.count,
			Detail: fmt.Sprintf("records of another time, %s away, between records of this one (%s)", span(l.returned.most), times(l.returned.count))})
	}
	if l.steps.count > 0 {
		f := Finding{Kind: Clock, Severity: Low, First: l.steps.first, Last: l.steps.last, Count: l.steps.count,
			Detail: fmt.Sprintf("the time of the records runs back by up to %s (%s)", span(l.steps.most), times(l.steps.count))}
		if l.steps.most > logTolerance || l.steps.count >= logMany {
			f.Severity = Medium
		}
		if l.steps.count >= logMany {
			f.Detail += "; several programs may have written this file at once"
			if d.holes.count > 0 {
				f.Detail += fmt.Sprintf(", which would also explain its %s", count(d.holes.count, "torn place"))
			}
		}
		d.report(f)
	}
}
