package bench

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteGobench writes the samples as "go test -bench" does, a line each, for benchstat and the like.
func (s *Session) WriteGobench(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "goos: %s\ngoarch: %s\npkg: cqkit/cmd/cqbench\n", s.Machine.OS, s.Machine.Arch)
	if s.Machine.CPU != "" {
		fmt.Fprintf(b, "cpu: %s\n", strings.Join(strings.Fields(s.Machine.CPU), " "))
	}
	for _, r := range s.Results {
		for _, v := range r.Samples(0) {
			// The name is an upper-case one, or it would be none for go test.
			fmt.Fprintf(b, "Benchmark%s%s \t%d\t%v ns/op", strings.ToUpper(r.Name[:1]), r.Name[1:], r.Batch, v)
			if r.Bytes > 0 {
				fmt.Fprintf(b, "\t%.6g MB/s", r.Bytes*1e3/v)
			}
			if r.Items != 1 {
				fmt.Fprintf(b, "\t%.6g items/s", r.Items*1e9/v)
			}
			fmt.Fprintf(b, "\t%g allocs/op\n", r.Allocs)
		}
	}
	return b.Flush()
}
