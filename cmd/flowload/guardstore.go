package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"cqkit/cmd/internal/cli"
	"cqkit/pkg/gcra"
	"cqkit/pkg/guard"
	"cqkit/pkg/store"
)

// storeFlags say where rate limits are kept that several guards share.
type storeFlags struct {
	url       string
	mode      string
	fail      string
	instances int
	schema    bool

	options store.Options // but for what is a single limit's
	policy  guard.Fail
}

// sharedLimit is what is left of a store to the command.
type sharedLimit interface {
	Close(ctx context.Context) error
}

func (s *storeFlags) add(f *pflag.FlagSet) {
	f.StringVar(&s.url, "store", "", "keep the rate limits in Redis, NATS or PostgreSQL")
	f.StringVar(&s.mode, "mode", "strict", "strict, leased or best-effort")
	f.StringVar(&s.fail, "fail", "", "what to do when the store does not answer")
	f.IntVar(&s.instances, "instances", 1, "how many guards share the limits")
	f.BoolVar(&s.schema, "create-schema", false, "make the tables first")
}

func (s *storeFlags) parse(c *guard.Config) error {
	if s.url == "" {
		if s.fail != "" || s.mode != "strict" || s.instances != 1 || s.schema {
			return cli.Hint(errors.New("--mode, --fail, --instances and --create-schema are about shared limits, and there are none"), "name their place with --store")
		}
		return nil
	}
	if len(c.Limits) == 0 {
		return cli.Hint(errors.New("--store without a rate limit"), "add --gcra")
	}
	if s.fail == "" {
		return cli.Hint(errors.New("--store without --fail"), "say what to do when it does not answer: --fail open, closed or local")
	}
	var err error
	if s.options.Mode, err = store.ParseMode(s.mode); err != nil {
		return err
	}
	if s.options.Failure, err = store.ParseFailure(s.fail); err != nil {
		return err
	}
	if s.instances < 1 {
		return fmt.Errorf("--instances %d is less than one", s.instances)
	}
	s.options.Instances = s.instances
	// A store that cannot be reached when the guard starts is like one that fails later, unless
	// that would mean to refuse everything.
	s.options.StartDown = s.options.Failure != store.FailClosed
	s.policy = map[store.Failure]guard.Fail{store.FailOpen: guard.FailOpen, store.FailClosed: guard.FailClosed, store.FailLocal: guard.FailLocal}[s.options.Failure]
	return nil
}

// undecided stands for a store that is not open yet.
type undecided struct{}

func (undecided) Take(context.Context, string, uint64) (gcra.Decision, error) {
	return gcra.Decision{}, errors.New("not open")
}

// pretend returns c with what stands for the stores, to see whether a guard takes it.
func (s *storeFlags) pretend(c guard.Config) guard.Config {
	if s.url != "" {
		limits := make([]guard.Limit, len(c.Limits))
		for i, l := range c.Limits {
			limits[i] = s.share(l, undecided{})
		}
		c.Limits = limits
	}
	return c
}

// share returns l as one that d decides.
func (s *storeFlags) share(l guard.Limit, d guard.Decider) guard.Limit {
	l.Shared, l.Fail = d, s.policy
	if s.policy == guard.FailLocal {
		l.Local = l.Limit
	}
	return l
}

// open connects to the store, once for each limit, and lets it decide them. It returns
// what is to be closed in any case.
func (s *storeFlags) open(ctx context.Context, c *guard.Config) ([]sharedLimit, error) {
	if s.url == "" {
		return nil, nil
	}
	url, err := s.readURL()
	if err != nil {
		return nil, err
	}
	if s.schema {
		if err := store.CreateSchema(ctx, url, store.SchemaOptions{}); err != nil {
			return nil, err
		}
	}
	var opened []sharedLimit
	for i, l := range c.Limits {
		o := s.options
		o.Limit, o.Name = l.Limit, l.Name
		one, err := store.Open(ctx, url, o)
		if errors.Is(err, store.ErrNoSchema) {
			err = cli.Hint(err, "add --create-schema once")
		}
		if err != nil {
			return opened, err
		}
		opened = append(opened, one)
		c.Limits[i] = s.share(l, one)
	}
	return opened, nil
}

// readURL returns the URL, or what a file says, so that a password need not be among the
// arguments, which everyone on the machine can see.
func (s *storeFlags) readURL() (string, error) {
	name, ok := strings.CutPrefix(s.url, "@")
	if !ok {
		return s.url, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

// closing is how long a store may take to give back what it holds.
const closing = 5 * time.Second

func closeStores(stores []sharedLimit) {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	for _, s := range stores {
		s.Close(ctx) // what it could not give back comes back with time
	}
}
