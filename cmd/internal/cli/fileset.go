package cli

import (
	"io/fs"
	"os"
)

// fileSet is a set of files, each with the name it was given. Looking a file up takes
// as long in a set of ten thousand as in one of ten, where the system has numbers for
// files. The zero fileSet is empty.
type fileSet struct {
	numbered map[fileNumber]string
	others   []namedFile
}

type namedFile struct {
	name string
	info fs.FileInfo
}

// add adds a file. One that is there keeps the name it has.
func (s *fileSet) add(name string, info fs.FileInfo) {
	if _, ok := s.find(info); ok {
		return
	}
	number, ok := numberOf(info)
	if !ok {
		s.others = append(s.others, namedFile{name, info})
		return
	}
	if s.numbered == nil {
		s.numbered = make(map[fileNumber]string)
	}
	s.numbered[number] = name
}

// find returns the name a file was added under.
func (s *fileSet) find(info fs.FileInfo) (name string, ok bool) {
	if number, ok := numberOf(info); ok {
		name, ok := s.numbered[number]
		return name, ok
	}
	for _, f := range s.others {
		if os.SameFile(f.info, info) {
			return f.name, true
		}
	}
	return "", false
}
