package wire

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cqkit/pkg/mav"
	"cqkit/pkg/tlog"
)

// Filter returns which frames count as commands: those of the messages named, as
// MAVLink names them or by id, and from the sources named, "system/component" or a system
// alone. Without names it is every state-changing message, without sources every
// source. It fails for a name that is no message and a source that is none.
func Filter(messages, sources []string) (func(tlog.Frame) bool, error) {
	var ids []uint32
	for _, name := range messages {
		id, err := parseMessage(name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	var from []sourcePattern
	for _, text := range sources {
		p, err := parseSource(text)
		if err != nil {
			return nil, err
		}
		from = append(from, p)
	}
	return func(f tlog.Frame) bool {
		if len(from) > 0 && !slices.ContainsFunc(from, func(p sourcePattern) bool { return p.fits(f) }) {
			return false
		}
		if len(ids) > 0 {
			return slices.Contains(ids, f.ID())
		}
		return StateChanging(f)
	}, nil
}

// messageIDs has the ids of all messages by name.
var messageIDs = sync.OnceValue(func() map[string]uint32 {
	byName := map[string]uint32{}
	for id := range mav.Seeds() {
		byName[mav.Name(id)] = id
	}
	return byName
})

func parseMessage(name string) (uint32, error) {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil && id <= MaxMessageID {
		return uint32(id), nil
	}
	id, ok := messageIDs()[strings.ToUpper(name)]
	if !ok {
		return 0, fmt.Errorf("%q is no MAVLink message", name)
	}
	return id, nil
}

type sourcePattern struct {
	address Address
	all     bool // components
}

func (p sourcePattern) fits(f tlog.Frame) bool {
	return f.System() == p.address.System && (p.all || f.Component() == p.address.Component)
}

func parseSource(text string) (sourcePattern, error) {
	system, component, both := strings.Cut(text, "/")
	s, err := strconv.ParseUint(system, 10, 8)
	c := uint64(0)
	if err == nil && both {
		c, err = strconv.ParseUint(component, 10, 8)
	}
	if err != nil {
		return sourcePattern{}, fmt.Errorf("%q is no source, which is a system and component such as 255/190, or a system", text)
	}
	return sourcePattern{Address{byte(s), byte(c)}, !both}, nil
}
