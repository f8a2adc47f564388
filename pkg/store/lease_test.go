package store

import (
	"testing"
	"time"
)

func TestLeaseEnds(t *testing.T) {
	var l lease
	l.add(batch{cells: 5, until: 10 * time.Second, mark: mark{at: 1}})
	l.add(batch{cells: 7, until: 20 * time.Second, mark: mark{at: 2}})
	if lost := l.expire(10 * time.Second); lost != 0 || l.held() != 12 {
		t.Errorf("at their end %d are lost and %d held", lost, l.held())
	}
	l.use(6) // the older ones first
	if l.batches[0].cells != 0 || l.batches[1].cells != 6 {
		t.Errorf("%+v", l.batches)
	}
	if lost := l.expire(20*time.Second + 1); lost != 6 || l.held() != 0 {
		t.Errorf("after their end %d are lost and %d held", lost, l.held())
	}
	for i := range 3 {
		l.add(batch{cells: 1, until: time.Duration(30-i) * time.Second, mark: mark{at: int64(i)}, under: &setting{}})
	}
	if l.held() != 3 || l.batches[0].cells != 2 || l.batches[0].until != 29*time.Second || l.batches[0].under != nil {
		t.Errorf("three batches: %+v", l.batches)
	}
	if list := l.giveUp(); len(list) != 2 || list[0].mark.at != 2 || l.held() != 0 {
		t.Errorf("what is given up: %+v", list)
	}
}
