package seal

import (
	"fmt"
	"io"

	"cqkit/pkg/tlog"
)

// Contents is what a presented log holds, as far as it was looked at.
type Contents struct {
	Records, Gaps uint64
	Bytes         int64
	HasSpan       bool
	First, Last   int64 // time of the first and last record in file order, µs since 1970 UTC
}

func (c *Contents) span(t int64) {
	if !c.HasSpan {
		c.HasSpan, c.First = true, t
	}
	c.Last = t
}

// Count says what a log holds that is not to be compared with a seal.
func Count(r io.Reader, seeds *tlog.Seeds) (*Contents, error) {
	c := new(Contents)
	scan := tlog.NewScanner(r, seeds, tlog.Timed)
	for {
		seg, err := scan.Next()
		if err == io.EOF {
			return c, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the log: %w", err)
		}
		c.Bytes += int64(len(seg.Data))
		if seg.Kind == tlog.Record {
			c.Records++
			c.span(seg.Time())
		} else if !seg.More {
			c.Gaps++
		}
	}
}
