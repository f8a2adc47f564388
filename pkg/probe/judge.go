package probe

import (
	"fmt"
	"time"

	"cqkit/pkg/infer"
)

// judge compares what was found out with what was expected.
func (r *Result) judge(c *Config) {
	first := r.Keys[0].Limit
	switch {
	case first.Admitted+first.Refused == 0:
		r.distrust("nothing was admitted or refused: all %d answers failed", r.Keys[0].Failed)
		return
	case first.Admitted == 0:
		r.distrust("everything was refused from the beginning; is somebody else using this limit?")
		r.Rate, r.Burst = infer.Fail, infer.Fail
		return
	case first.Kind == infer.None:
		// The interval has no upper end. What is far above the expected rate is no limit.
		r.Rate, r.Burst = infer.Undecided, infer.Undecided
		if first.PerSecond.Low > (1+c.Tolerance)*c.PerSecond && float64(first.Admitted) > (1+c.Tolerance)*float64(c.Burst)+1 {
			r.Rate, r.Burst = infer.Fail, infer.Fail
		} else {
			r.distrust("nothing was refused, and only %.3g requests a second could be asked", first.PerSecond.Low)
		}
		return
	}
	r.Rate = infer.JudgeRate(first.PerSecond, c.PerSecond, c.Tolerance)
	r.Burst = infer.JudgeBurst(first.Burst, float64(c.Burst), c.Tolerance)
	stalled := first.Kind == infer.Irregular && first.Stall.Seconds()*c.PerSecond > float64(c.Burst)/2
	if stalled {
		// What it would have admitted meanwhile may be lost to it, and contradicts every rate and burst.
		r.Rate, r.Burst = infer.Undecided, infer.Undecided
		r.distrust("nothing was answered for %v, in which the limit may have come to rest: this machine or the endpoint was held up", first.Stall.Round(time.Millisecond))
	}
	for i, k := range r.Keys {
		if 100*k.Failed > k.Asked {
			r.distrust("%d of %d answers under key %d were neither admitted nor refused", k.Failed, k.Asked, i+1)
		}
		if k.Limit.Kind != infer.None && k.share < 0.2 {
			r.distrust("could not ask for more than is admitted under key %d: only %.0f%% of what was asked was refused", i+1, 100*k.share)
		}
	}
	if r.Rate == infer.Undecided && !stalled {
		r.distrust("the rate is only known to lie between %.4g and %.4g a second; measure for longer", first.PerSecond.Low, first.PerSecond.High)
	}
	if r.Burst == infer.Undecided && !stalled {
		r.distrust("the burst is only known to lie between %.4g and %.4g: round trips are too long for this rate", first.Burst.Low, first.Burst.High)
	}
	for i, k := range r.Keys[1:] {
		own := sameLimit(first, k.Limit, c.Tolerance)
		if r.Isolated == nil || !own {
			r.Isolated = &own
		}
		if k.Limit.Admitted+k.Limit.Refused == 0 {
			r.distrust("nothing was admitted or refused under key %d", i+2)
		}
	}
}

// sameLimit tells whether a second key got what the first did.
func sameLimit(first, second infer.Fit, tolerance float64) bool {
	burst := max(1, tolerance*first.Burst.Best)
	return second.Burst.High >= first.Burst.Low-burst &&
		second.PerSecond.High >= first.PerSecond.Low*(1-tolerance)
}

func (r *Result) distrust(format string, args ...any) {
	r.Distrust = append(r.Distrust, fmt.Sprintf(format, args...))
}

// OK tells whether the endpoint keeps what was expected, as far as was told.
func (r *Result) OK() infer.Verdict {
	switch {
	case r.Rate == infer.Fail, r.Burst == infer.Fail, r.RetryAfter != nil && !r.RetryAfter.Honest, r.Isolated != nil && !*r.Isolated:
		return infer.Fail
	case len(r.Distrust) > 0, r.Rate == infer.Undecided, r.Burst == infer.Undecided:
		return infer.Undecided
	}
	return infer.Pass
}
