package vegas

import (
	"flag"
	"fmt"
	"regexp"
	"testing"
	"time"
)

var only = flag.String("only", "", "pattern of scenarios")
var search = flag.Bool("search", false, "look for the best fixed limit of each scenario")

func TestSearch(t *testing.T) {
	if !*search {
		t.Skip("looks for the best fixed limits; run with -search")
	}
	for _, sc := range scenarios() {
		if !regexp.MustCompile(*only).MatchString(sc.name) {
			continue
		}
		c := *sc
		if c.length > 15*60e9 && c.from < 60e9 {
			c.length, c.to = 2*60e9, 2*60e9
		}
		n := 0
		for i := range 100 {
			n = max(n, c.servers(c.from+(c.to-c.from)*time.Duration(i)/100))
		}
		most := 0
		tot := map[int]outcome{}
		hi := 2*n/len(c.loads) + 6
		for l := max(1, (n/len(c.loads))-2); l <= hi; l++ {
			o := simulate(&c, 1, func(int) limiter { return &fixedLimiter{n: l} })
			tot[l] = o
			most = max(most, o.total())
		}
		for l := 1; l <= hi; l++ {
			r := float64(tot[l].total()) / float64(most)
			if r > 0.98 {
				fmt.Printf("%-28s best %d good %d %.4f p99 %v\n", c.name, l, tot[l].total(), r, tot[l].p99)
			}
			if r >= 0.9995 {
				break
			}
		}
	}
}

func TestOurs(t *testing.T) {
	for _, sc := range scenarios() {
		if !regexp.MustCompile(*only).MatchString(sc.name) {
			continue
		}
		f := simulate(sc, 1, func(int) limiter { return &fixedLimiter{n: sc.best} })
		o := simulate(sc, 1, ours)
		fmt.Printf("%-28s good %6.2f%%  p99 %7.1f / %7.1f = %.2f  limit end %d max %d best %d  split %v\n", sc.name,
			100*float64(o.total())/float64(f.total()), o.p99.Seconds()*1e3, f.p99.Seconds()*1e3, o.p99.Seconds()/f.p99.Seconds(), o.endLimit, o.maxLimit, sc.best, o.good)
	}
}
