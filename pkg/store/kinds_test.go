package store

import (
	"errors"
	"testing"
	"time"

	"cqkit/pkg/gcra"
)

// TestFullDecision checks that each server gives the decision that package gcra would give.
func TestFullDecision(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		for _, mode := range []Mode{Strict, Leased, BestEffort} {
			t.Run(mode.String(), func(t *testing.T) {
				s := open(t, b.url(), Options{Limit: gcra.Limit{Rate: gcra.Every(time.Hour), Burst: 20}, Mode: mode, Name: freshName(), Timeout: 10 * time.Second})
				for i := range uint64(20) {
					d, err := s.Take(t.Context(), "a key", 1)
					if err != nil || !d.Allowed || d.Err() != nil || d.Limit != 20 || d.Remaining != 19-i {
						t.Fatalf("decision %d: %v, %v", i, d, err)
					}
					if most := time.Duration(i+1) * time.Hour; mode == Strict && (d.ResetAfter > most || d.ResetAfter < most-time.Minute) {
						t.Errorf("decision %d: reset after %v", i, d.ResetAfter)
					}
				}
				d, err := s.Take(t.Context(), "a key", 1)
				if err != nil || d.Allowed || !errors.Is(d.Err(), gcra.ErrLimited) || d.Remaining != 0 || d.RetryAfter < 59*time.Minute || d.RetryAfter > time.Hour {
					t.Errorf("denial: %v, %v", d, err)
				}
				d, err = s.Take(t.Context(), "a key", 21)
				if err != nil || d.Allowed || !errors.Is(d.Err(), gcra.ErrTooLarge) || d.RetryAfter != 0 {
					t.Errorf("too many: %v, %v", d, err)
				}
				d, err = s.Take(t.Context(), "another key", 0)
				if err != nil || !d.Allowed || d.Remaining != 20 || d.ResetAfter != 0 {
					t.Errorf("nothing: %v, %v", d, err)
				}
				d, err = s.Peek(t.Context(), "another key", 20)
				if err != nil || !d.Allowed || d.Remaining != 20 {
					t.Errorf("peek: %v, %v", d, err)
				}
			})
		}
	})
}
