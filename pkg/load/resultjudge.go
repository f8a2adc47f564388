package load

import "cqkit/pkg/stat"

// Verdicts of a [Result].
const (
	Pass      = "pass"
	Fail      = "fail"
	Untrusted = "untrusted"
)

// Judge judges r by thresholds that must not hold and thresholds that must, and keeps them.
func (r *Result) Judge(fail, require []stat.Expr) {
	r.Thresholds = r.Thresholds[:0]
	for i, list := range [][]stat.Expr{fail, require} {
		for _, e := range list {
			t := Threshold{Expr: e, Require: i == 1, Measured: r.Metric(e.Name, e.Kind)}
			t.State = e.Judge(t.Measured, t.Require)
			r.Thresholds = append(r.Thresholds, t)
		}
	}
}

// Verdict returns [Fail] if a threshold is violated or has no data, or if there are none and no
// request was ok; otherwise [Untrusted] if a threshold cannot be decided or the client speaks
// against its own figures; otherwise [Pass].
func (r *Result) Verdict() string {
	undecided := !r.Trusted()
	for _, t := range r.Thresholds {
		switch t.State {
		case stat.Violated, stat.NoData:
			return Fail
		case stat.Straddling:
			undecided = true
		}
	}
	switch {
	case len(r.Thresholds) == 0 && r.Requests.Outcomes[OK] == 0:
		return Fail
	case undecided:
		return Untrusted
	}
	return Pass
}
