package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// sent returns request i of the targets as a server reads it.
func sent(t testing.TB, targets *Targets, seed, i uint64) (*http.Request, string) {
	t.Helper()
	m := &targets.messages[i%uint64(len(targets.messages))]
	whole := m.whole(nil, seed, i)
	src := bufio.NewReader(bytes.NewReader(whole))
	r, err := http.ReadRequest(src)
	if err != nil {
		t.Fatalf("%q: %v", whole, err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%q: %v", whole, err)
	}
	if n := src.Buffered(); n > 0 {
		t.Fatalf("%q: %d bytes beyond the request", whole, n)
	}
	return r, string(body)
}

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		name    string
		options TargetOptions
		request Request
		want    string
	}{
		{"plain", TargetOptions{}, Request{URL: "http://example.org"}, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"},
		{"default port", TargetOptions{}, Request{URL: "http://example.org:80/a?b=c#d"}, "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\n\r\n"},
		{"port", TargetOptions{}, Request{URL: "https://example.org:8443?q"}, "GET /?q HTTP/1.1\r\nHost: example.org:8443\r\n\r\n"},
		{"IPv6", TargetOptions{}, Request{URL: "http://[::1]:80/x"}, "GET /x HTTP/1.1\r\nHost: [::1]\r\n\r\n"},
		{"IPv6 zone", TargetOptions{}, Request{URL: "http://[fe80::1%25eth0]:81/x"}, "GET /x HTTP/1.1\r\nHost: [fe80::1]:81\r\n\r\n"},
		{"as written", TargetOptions{}, Request{URL: "http://h/%7e//../%2F"}, "GET /%7e//../%2F HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"letters", TargetOptions{}, Request{URL: "http://h/ü"}, "GET /%C3%BC HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"fields", TargetOptions{Header: []Field{{"Accept", "a"}, {"X", "common"}}}, Request{URL: "http://h/", Header: []Field{{"x", "own"}, {"X", "twice"}}},
			"GET / HTTP/1.1\r\nHost: h\r\nAccept: a\r\nx: own\r\nX: twice\r\n\r\n"},
		{"host", TargetOptions{}, Request{URL: "http://h/", Header: []Field{{"host", "other"}}}, "GET / HTTP/1.1\r\nHost: other\r\n\r\n"},
		{"user", TargetOptions{}, Request{URL: "http://a:b@h/"}, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic YTpi\r\n\r\n"},
		{"user and field", TargetOptions{Header: []Field{{"authorization", "Bearer x"}}}, Request{URL: "http://a:b@h/"}, "GET / HTTP/1.1\r\nHost: h\r\nauthorization: Bearer x\r\n\r\n"},
		{"close", TargetOptions{Close: true}, Request{URL: "http://h/"}, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"},
		{"body", TargetOptions{}, Request{URL: "http://h/", Body: []byte("hello")}, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"},
		{"common body", TargetOptions{Method: "PUT", Body: []byte("x")}, Request{URL: "http://h/"}, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"},
		{"empty body", TargetOptions{}, Request{Method: "POST", URL: "http://h/"}, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"},
		{"no templates", TargetOptions{}, Request{URL: "http://h/{{seq}}"}, "GET /{{seq}} HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"templates", TargetOptions{Templates: true}, Request{URL: "http://h/{{seq}}", Header: []Field{{"X", "{{ pick one }}"}}, Body: []byte("{{int 7 7}}{{seq}}")},
			"POST /3 HTTP/1.1\r\nHost: h\r\nX: one\r\nContent-Length: 2\r\n\r\n73"},
	} {
		targets, err := NewTargets(c.options, c.request)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(targets.messages[0].whole(nil, 1, 3)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		sent(t, targets, 1, 3)
	}
}

func TestMessagesRefused(t *testing.T) {
	for _, c := range []struct {
		request Request
		want    string
	}{
		{Request{}, "does not begin with http"},
		{Request{URL: "example.org/"}, "does not begin with http"},
		{Request{URL: "ftp://example.org/"}, "does not begin with http"},
		{Request{URL: "http:///x"}, "no host"},
		{Request{URL: "http://h:0/"}, "port"},
		{Request{URL: "http://h:99999/"}, "port"},
		{Request{URL: "http://h/a b"}, "space"},
		{Request{URL: "http://h/{{pick a}} b"}, "space"},
		{Request{URL: "http://h/a\r\nX: y"}, "control"},
		{Request{URL: "http://h{{seq}}/"}, "host"},
		{Request{URL: "http://h/", Method: "GE T"}, "method"},
		{Request{URL: "http://h/", Method: "CONNECT"}, "method"},
		{Request{URL: "http://h/", Header: []Field{{"A b", "c"}}}, "not a name"},
		{Request{URL: "http://h/", Header: []Field{{"A", "b\r\nC: d"}}}, "control character"},
		{Request{URL: "http://h/", Header: []Field{{"content-length", "5"}}}, "by the client itself"},
		{Request{URL: "http://h/", Header: []Field{{"Transfer-Encoding", "chunked"}}}, "by the client itself"},
		{Request{URL: "http://h/{{seq"}, "no end"},
		{Request{URL: "http://h/{{date}}"}, "is not one such as"},
		{Request{URL: "http://h/{{int 5 1}}"}, "{{int 1 100}}"},
		{Request{URL: "http://h/{{hex 100000}}"}, "{{hex 16}}"},
		{Request{URL: "http://h/{{}}"}, "is not one such as"},
	} {
		_, err := NewTargets(TargetOptions{Templates: true}, c.request)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: got %v, want an error with %q", c.request, err, c.want)
		}
	}
	if _, err := NewTargets(TargetOptions{}); err == nil {
		t.Error("no targets, no error")
	}
}

const list = `# a list
GET http://a.example/1
Accept: */*

POST http://b.example:8080/2
Content-Type: text/plain
@body.txt
{"method":"PUT","url":"https://c.example/3","header":{"X-B":"2","X-A":"1"},"body":"text"}
{"url":"http://a.example/4","body_base64":"AAE="}
DELETE http://a.example/5
`

func TestReadTargets(t *testing.T) {
	open := func(name string) ([]byte, error) {
		if name != "body.txt" {
			return nil, errors.New("no such file")
		}
		return []byte("from a file"), nil
	}
	for _, text := range []string{list, strings.ReplaceAll(list, "\n", "\r\n"), "\ufeff" + list, strings.TrimSuffix(list, "\n")} {
		targets, err := ReadTargets(strings.NewReader(text), TargetOptions{Header: []Field{{"User-Agent", "x"}}}, open)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range targets.Len() {
			r, body := sent(t, targets, 0, uint64(i))
			got = append(got, fmt.Sprintf("%s %s%s %q %s%s%s%s", r.Method, r.Host, r.URL, body, r.UserAgent(), r.Header.Get("Accept"), r.Header.Get("X-A"), r.Header.Get("Content-Type")))
		}
		want := []string{`GET a.example/1 "" x*/*`, `POST b.example:8080/2 "from a file" xtext/plain`, `PUT c.example/3 "text" x1`, `POST a.example/4 "\x00\x01" x`, `DELETE a.example/5 "" x`}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if hosts := fmt.Sprint(targets.Hosts()); hosts != "[a.example:80 b.example:8080 c.example:443]" {
			t.Errorf("hosts %s", hosts)
		}
		if s := targets.String(); s != "http://a.example/1 and 4 more" {
			t.Errorf("targets are %q", s)
		}
	}
}

func TestReadTargetsRefuses(t *testing.T) {
	for _, c := range []struct{ list, want string }{
		{"", "no targets"},
		{"# nothing\n", "no targets"},
		{"Accept: x\n", "line 1: expected a target"},
		{"@x\n", "line 1: expected a target"},
		{"GET http://h/\nnonsense\n", "line 2: "},
		{"GET http://h/\nA: b\x00\n", "line 2: "},
		{"\nGET nonsense\n\nGET http://h/\n", "line 2: "},
		{"GET http://h/\n@none\n", "line 2: no such file"},
		{"GET http://h/\n@body\nA: b\n", "line 3: expected a target"},
		{"GET http://h/\nHost: x\nContent-Length: 3\n", "line 3: "},
		{"{\"url\":\"http://h/\",\"urk\":1}\n", "line 1: target in JSON"},
		{"{\"url\":\"http://h/\"} {}\n", "line 1: target in JSON: something"},
		{"{\"url\":\"http://h/\",\"body\":\"\",\"body_base64\":\"\"}\n", "line 1: target in JSON: both"},
		{"{\"url\":\"http://h/\",\"header\":{\"TE\":\"x\"}}\n", "line 1: field TE"},
		{"GET http://h/\n" + strings.Repeat("x", maxListLine+1), "line 2: longer than 1 MiB"},
		{strings.Repeat("# "+strings.Repeat("x", 1<<19)+"\n", 130), "longer than 64 MiB"},
	} {
		open := func(name string) ([]byte, error) {
			if name == "body" {
				return nil, nil
			}
			return nil, errors.New("no such file")
		}
		_, err := ReadTargets(strings.NewReader(c.list), TargetOptions{}, open)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: got %v, want an error with %q", c.list, err, c.want)
		}
	}
	if _, err := ReadTargets(strings.NewReader("GET http://h/\n@x\n"), TargetOptions{}, nil); err == nil {
		t.Error("a file was read without anybody to read it")
	}
}

// TestMillionTargets reads a list of a million lines, and looks at what it takes.
func TestMillionTargets(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	r, w := io.Pipe()
	go func() {
		b := bufio.NewWriter(w)
		for i := range n {
			fmt.Fprintf(b, "GET http://localhost:8080/items/%d\n", i)
		}
		b.Flush()
		w.Close()
	}()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	targets, err := ReadTargets(r, TargetOptions{Header: []Field{{"User-Agent", "x"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if targets.Len() != n {
		t.Fatalf("%d targets", targets.Len())
	}
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / int64(n); each > 160 {
		t.Errorf("%d bytes a target", each)
	}
	for _, i := range []int{0, 1, n / 2, n - 1} {
		if r, _ := sent(t, targets, 0, uint64(i)); r.URL.Path != fmt.Sprintf("/items/%d", i) {
			t.Errorf("target %d is %s", i, r.URL)
		}
	}
	runtime.KeepAlive(targets)
}

func TestVariables(t *testing.T) {
	targets, err := NewTargets(TargetOptions{Templates: true}, Request{URL: "http://h/{{int -3 3}}/{{pick a b c}}/{{hex 20}}/{{uuid}}/{{seq}}"})
	if err != nil {
		t.Fatal(err)
	}
	shape := regexp.MustCompile(`^GET /(-?[0-3])/([abc])/([0-9a-f]{20})/([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})/(\d+) `)
	counts := map[string]int{}
	unique := map[string]bool{}
	const n = 7000
	for i := range uint64(n) {
		text := string(targets.messages[0].whole(nil, 42, i))
		m := shape.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("request %d is %q", i, text)
		}
		if m[5] != fmt.Sprint(i) {
			t.Errorf("request %d says it is %s", i, m[5])
		}
		counts[m[1]]++
		counts[m[2]]++
		unique[m[3]] = true
		unique[m[4]] = true
		if again := string(targets.messages[0].whole(nil, 42, i)); again != text {
			t.Fatal("the same request differs")
		}
	}
	if len(unique) != 2*n {
		t.Errorf("%d values are not unique", 2*n-len(unique))
	}
	for _, v := range []string{"-3", "-2", "-1", "0", "1", "2", "3"} {
		if c := counts[v]; c < 850 || c > 1150 { // 1000, sigma 29
			t.Errorf("%s came %d times of %d", v, c, n)
		}
	}
	for _, v := range []string{"a", "b", "c"} {
		if c := counts[v]; c < 2133 || c > 2533 { // 2333, sigma 39
			t.Errorf("%s came %d times of %d", v, c, n)
		}
	}
	if string(targets.messages[0].whole(nil, 1, 0)) == string(targets.messages[0].whole(nil, 2, 0)) {
		t.Error("two seeds, one request")
	}
}

// FuzzTargets reads lists: what is accepted is one request and nothing beyond it, whatever the
// variables' values. The target is sent as it was written, so it need not be a good one.
func FuzzTargets(f *testing.F) {
	f.Add(list)
	f.Add("GET http://h/{{int 1 9}}?{{uuid}}#x\nX-{{: }}\n")
	f.Add("{\"url\":\"http://u:p@h:81/\\u00fc{{pick a b}}\",\"body\":\"{{hex 3}}\"}")
	f.Add("GET http://h/%\nHost: x\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, templates := range []bool{false, true} {
			targets, err := ReadTargets(strings.NewReader(text), TargetOptions{Templates: templates}, func(string) ([]byte, error) { return []byte("{{seq}}"), nil })
			if err != nil {
				continue
			}
			for i := range min(targets.Len(), 20) {
				if whole := string(targets.messages[i].whole(nil, 1, uint64(i))); !isOneRequest(whole) {
					t.Fatalf("%q is no request", whole)
				}
			}
		}
	})
}

// isOneRequest tells whether text is a request that ends where it says (RFC 9112, sections 3 to 6).
func isOneRequest(text string) bool {
	head, body, ok := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	line := strings.Split(lines[0], " ")
	if !ok || len(line) != 3 || !strings.HasPrefix(line[1], "/") || line[2] != "HTTP/1.1" {
		return false
	}
	length, hosts := 0, 0
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok || strings.ContainsAny(name, " \t") || name == "" || strings.ContainsAny(value, "\r\n\x00") {
			return false
		}
		switch strings.ToLower(name) {
		case "content-length":
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil || length > 0 {
				return false
			}
			length = n
		case "transfer-encoding":
			return false
		case "host":
			hosts++
		}
	}
	return hosts == 1 && length == len(body)
}
