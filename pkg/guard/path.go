package guard

import (
	"path"
	"strings"
)

// normalPath returns p without "." and ".." elements, doubled slashes and a slash at the
// end, and whether an upstream that sees p could take it for no other path: p is that already,
// but for the slash, and has nothing in it that some servers read as one.
func normalPath(p string) (normal string, plain bool) {
	if p == "" || p == "*" {
		return "/", false
	}
	normal = p
	if p[0] != '/' {
		normal = "/" + p
	}
	normal = path.Clean(normal)
	plain = normal == p || len(p) == len(normal)+1 && p[len(normal)] == '/' && strings.HasPrefix(p, normal)
	return normal, plain && strings.IndexByte(p, '\\') < 0 && strings.IndexByte(p, ';') < 0
}

// matchPath tells whether a normal path is pattern, or, if pattern ends in "/", below it.
func matchPath(pattern, normal string) bool {
	if n := len(pattern) - 1; n > 0 && pattern[n] == '/' {
		return strings.HasPrefix(normal, pattern[:n]) && (len(normal) == n || normal[n] == '/')
	}
	return pattern == normal || pattern == "/"
}
