package atomicfile

var linkForTest func(from, to string) error
