package report

import (
	"encoding/xml"
	"io"
	"strconv"
	"strings"
	"time"
)

// Suite is a set of checks as those who read test results expect it, in the XML
// that Ant's JUnit task began and that continuous integration systems read.
type Suite struct {
	Name  string // of the program, as a rule
	Cases []Case
}

// Case is one check of a suite, for instance of one log.
type Case struct {
	Name  string        // what was checked
	Class string        // the kind of check
	Time  time.Duration // how long it took; 0 if that was not measured

	// At most one of these is set. A case with neither has passed.
	Failure *Problem // the answer is no
	Error   *Problem // there is no answer
	// Skipped says why the case was not checked.
	Skipped string

	// Output is what else there is to say, a line each.
	Output []string
}

// Problem says why a case did not pass.
type Problem struct {
	Type    string // a word, such as a verdict
	Message string // a line
	Lines   []string
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Class     string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Skipped   *junitProblem `xml:"skipped"`
	Error     *junitProblem `xml:"error"`
	Failure   *junitProblem `xml:"failure"`
	SystemOut string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Type    string `xml:"type,attr,omitempty"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit prints suites as one XML document in UTF-8. Texts are cleaned, so
// that every character is one XML 1.0 allows.
func WriteJUnit(w io.Writer, suites ...Suite) error {
	var doc junitSuites
	for _, s := range suites {
		out := junitSuite{Name: Clean(s.Name), Tests: len(s.Cases)}
		var total time.Duration
		for _, c := range s.Cases {
			jc := junitCase{Name: Clean(c.Name), Class: Clean(c.Class), Time: seconds(c.Time), SystemOut: cleanLines(c.Output)}
			total += c.Time
			switch {
			case c.Error != nil:
				out.Errors++
				jc.Error = c.Error.junit()
			case c.Failure != nil:
				out.Failures++
				jc.Failure = c.Failure.junit()
			case c.Skipped != "":
				out.Skipped++
				jc.Skipped = &junitProblem{Message: Clean(c.Skipped)}
			}
			out.Cases = append(out.Cases, jc)
		}
		out.Time = seconds(total)
		doc.Suites = append(doc.Suites, out)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (p *Problem) junit() *junitProblem {
	return &junitProblem{Type: Clean(p.Type), Message: Clean(p.Message), Text: cleanLines(p.Lines)}
}

func cleanLines(lines []string) string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = Clean(line)
	}
	return strings.Join(out, "\n")
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
