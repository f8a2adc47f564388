package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"cqkit/pkg/bench"
	"cqkit/pkg/stat"
)

// A contest is one of ours and those beside it.
type contest struct {
	group string
	ours  bench.Contender
	peers []bench.Contender
}

func main() {
	log.SetFlags(0)
	share := flag.Duration("time", bench.DefaultTime, "how long to measure each")
	count := flag.Int("count", bench.DefaultCount, "samples of each")
	only := flag.String("only", "", "groups, separated by commas")
	save := flag.String("json", "", "keep all times in a file, as cqbench --save does")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, bench.Config{Time: *share, Count: *count}, *only, *save); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer, cfg bench.Config, only, save string) error {
	machine := bench.ThisMachine()
	var list []contest
	for _, c := range contests() {
		if only == "" || strings.Contains(","+only+",", ","+c.group+",") {
			list = append(list, c)
		}
	}
	var all []bench.Contender
	for _, c := range list {
		all = append(append(all, c.ours), c.peers...)
	}
	if len(all) == 0 {
		return fmt.Errorf("no group is named %q", only)
	}
	results, err := bench.Run(ctx, all, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s, %d cores, %s, %s/%s, load %.1f; %v and %d samples each, interleaved\n\n", machine.CPU, machine.Cores, runtime.Version(), machine.OS, machine.Arch, machine.Load, cfg.Time, cfg.Count)
	fmt.Fprintln(w, "| figure | ours | peer | its time | to ours | 99 % |\n| --- | --: | --- | --: | --: | --- |")
	byName := map[string]*bench.Result{}
	for i := range results {
		byName[results[i].Name] = &results[i]
	}
	for _, c := range list {
		ours := byName[c.ours.Name]
		for _, p := range c.peers {
			peer := byName[p.Name]
			_, short, _ := strings.Cut(p.Name, "--")
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", c.ours.Name, shown(ours), short, shown(peer), ratio(ours, peer))
		}
	}
	if only == "" || strings.Contains(","+only+",", ",avx,") {
		afterEach(ctx, w)
	}
	if save == "" {
		return nil
	}
	f, err := os.Create(save)
	if err != nil {
		return err
	}
	s := bench.Session{Machine: machine, Settings: bench.Settings{TimeNS: int64(cfg.Time), Count: cfg.Count, Set: "peers", Inputs: "as the source says"}, Results: results}
	if err := s.Write(f); err != nil {
		return err
	}
	return f.Close()
}

func shown(r *bench.Result) string {
	d := time.Duration(r.Median().Value)
	text := ""
	switch m := r.Median().Value; {
	case m < 1000:
		text = fmt.Sprintf("%.3g ns", m)
	case d < time.Millisecond:
		text = fmt.Sprintf("%.3g µs", m/1e3)
	default:
		text = fmt.Sprintf("%.3g ms", m/1e6)
	}
	if r.Noisy() {
		text += " (noisy)"
	}
	return text
}

// ratio compares samples of the same rounds; those of figures with fewer samples are not of the same ones.
func ratio(ours, peer *bench.Result) string {
	pieces := min(ours.Pieces, peer.Pieces)
	a, b := ours.Samples(pieces), peer.Samples(pieces)
	if len(a) != len(b) {
		return fmt.Sprintf("%.2f | not paired", peer.Median().Value/ours.Median().Value)
	}
	c, err := stat.ComparePaired(a, b, stat.CompareConfig{LessIsBetter: true})
	if err != nil {
		return err.Error() + " |"
	}
	return fmt.Sprintf("%.2f | %.2f to %.2f", 1+c.Change.Value, 1+c.Change.Low, 1+c.Change.High)
}
