package main

import (
	"fmt"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/seal"
)

// embedded is what of seals stands inside a log.
type embedded struct {
	Counts  bool      `json:"counts"`  // the verdict is by the seal inside, at least in part
	Records uint64    `json:"records"` // that carry it; in none of the verdict's other numbers
	Bytes   int64     `json:"bytes"`
	Agrees  []*signer `json:"agrees,omitempty"` // of seals inside that hold beside the one that counts
}

func newEmbedded(j *seal.Verdict) *embedded {
	if !j.Inside && len(j.Agrees) == 0 {
		return nil
	}
	e := &embedded{Counts: j.Inside, Records: j.Carriers, Bytes: j.CarrierBytes}
	for _, n := range j.Agrees {
		e.Agrees = append(e.Agrees, newSigner(n, nil))
	}
	return e
}

// String says it in a line.
func (e *embedded) String() string {
	if e.Counts {
		return fmt.Sprintf("inside the log, in %s, %s", cli.Count(int64(e.Records), "further record"), cli.Count(e.Bytes, "byte"))
	}
	names := ""
	for i, s := range e.Agrees {
		if i > 0 {
			names += ", "
		}
		names += s.Name
	}
	return "beside the log; one inside holds, too, by " + names
}
