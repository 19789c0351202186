package page

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

var monday = time.Date(2024, 8, 5, 0, 0, 0, 0, time.UTC)

// evil is text that must not become markup, wherever it stands.
const evil = `"><script>alert(1)</script>&'`

func feed() *Feed {
	return &Feed{Date: "2024-08-31", Rows: 1234567, Age: 26 * time.Hour, Model: "2024-08-0123456789ab"}
}

func address(s string) *Address {
	return &Address{
		Frame: Frame{Title: s, Query: s, Feed: feed(), Here: s}, Address: s, Known: true, Confidence: 0.9734, Verdict: Abusive, Model: s,
		AsOf: monday, Expires: monday.AddDate(0, 0, 7), Expired: true,
		Decision: Decision{By: s, Scored: Abusive, Reason: s, Author: s, Since: monday, Until: monday, Shared: s, Crawler: s, Appeal: s, Listed: true},
		Windows: []Window{
			{Attack: s, Start: monday, End: monday.Add(3 * time.Hour), Confidence: 0.97, Explained: true, Base: -1.1, Margin: 3.2, Probability: 0.96,
				Reasons: []Reason{{Feature: s, Description: s, Value: s, Contribution: 2.5}, {Feature: "spider_ratio", Value: "not known", Contribution: -0.75}, {Feature: "c", Contribution: 0.001}},
				Hours:   []Hour{{monday, 12}, {monday.Add(2 * time.Hour), 3}}},
			{Attack: "other", Start: monday, End: monday, Confidence: 0.2, Explained: true},
		},
		WhyNot:  s,
		History: []Month{{Month: "2024-08", Date: "2024-08-31", Known: true, Confidence: 0.97, Verdict: Abusive, Model: s}, {Month: s, Date: s}},
		Near:    &Near{Prefix: s, Link: "/?q=" + s, Members: 2, Abusive: 1},
	}
}

func top(s string) *Top {
	return &Top{
		Month: s, Date: s, Months: []string{s, "2024-07"}, Rows: 1000, Abusive: 10, Undecided: 3, From: 51, Kept: 500, Previous: "/page/top?from=1", Next: "/page/top?from=101",
		Histogram: []int{900, 0, 90, 10},
		Shown:     []Ranked{{Rank: 51, Address: s, Link: "/?q=" + s, Confidence: 0.99999, Verdict: Abusive, Decided: s, Note: s}, {Rank: 52, Address: "198.51.100.xxx", Confidence: 0.0001, Verdict: NotAbusive}, {Rank: 53, Address: "a", Verdict: Undecided}},
	}
}

func views(s string) map[string]any {
	half := 0.5
	return map[string]any{
		"address":  address(s),
		"unknown":  &Address{Frame: Frame{Title: s}, Address: s, Verdict: Unknown},
		"override": &Address{Frame: Frame{Title: s, Masked: true}, Address: s, Verdict: NotAbusive, Decision: Decision{By: "an override"}},
		"fallback": &Address{Frame: Frame{Title: s, Feed: feed()}, Address: s, Known: true, Verdict: Undecided, Reasons: []Reason{{Feature: s, Value: s, Contribution: -1}}, Windows: []Window{{Attack: s, Start: monday, End: monday}}},
		"home":     &Home{Frame: Frame{Title: s, Here: "/", Query: s, Feed: feed()}, Top: top(s), Model: &Model{Version: s, Trained: s, Tested: s, Precision: &half, Recall: &half}},
		"empty":    &Home{Frame: Frame{Title: s, Here: "/"}},
		"browse":   &Browse{Frame: Frame{Title: s, Here: "/page/top", Feed: feed(), Masked: true}, Top: top(s)},
		"counting": &Browse{Frame: Frame{Title: s, Feed: feed()}, Top: &Top{Month: s, Counting: true}},
		"prefix": &Prefix{Frame: Frame{Title: s, Query: s}, Prefix: s, Members: 3, Abusive: 1, NotAbusive: 1, Undecided: 1, Max: 0.9, Mean: 0.4, Next: "/?q=" + s,
			List: []Ranked{{Address: s, Link: "/?q=" + s, Confidence: 0.4, Verdict: NotAbusive, Note: s}}, Subprefixes: []Subprefix{{Prefix: s, Link: "/?q=" + s, Members: 2, Mean: 0.3}}},
		"none":    &Prefix{Frame: Frame{Title: s}, Prefix: s},
		"message": &Message{Frame: Frame{Title: s}, Text: s, Hint: s, Link: "/?q=" + s, LinkText: s},
	}
}

// Whatever stands in names, reasons and addresses stays text; no page has a
// script, a style of its own, or anything from elsewhere.
func TestPageEscapes(t *testing.T) {
	for name, v := range views(evil) {
		b, err := Render(v)
		if err != nil {
			t.Fatal(name, err)
		}
		text := string(b)
		if strings.Contains(text, "<script") || strings.Contains(text, evil) {
			t.Errorf("%s: the text became markup:\n%s", name, text)
		}
		if m := regexp.MustCompile(`(?i)\s(style|on[a-z]+|src)=|https?:|javascript:|<link|@import|url\(`).FindString(text); m != "" {
			t.Errorf("%s holds %q", name, m)
		}
		if strings.Count(text, "<style>") != 1 || !strings.Contains(text, "<style>"+style+"</style>") {
			t.Errorf("%s: the style is not the one of the policy", name)
		}
	}
}

// Pages are well-formed and have what those need who don't see them or use no
// mouse: a language, one heading of the first order, names of fields, headers of
// rows and columns, no order of focus of their own.
func TestPagesAreAccessible(t *testing.T) {
	void := map[string]bool{"meta": true, "input": true}
	for name, v := range views("198.51.100.7") {
		b, err := Render(v)
		if err != nil {
			t.Fatal(name, err)
		}
		d := xml.NewDecoder(bytes.NewReader(b))
		d.Strict, d.Entity = false, xml.HTMLEntity
		d.AutoClose = []string{"meta", "input"}
		count := map[string]int{}
		var open []string
		ids := map[string]bool{}
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch e := tok.(type) {
			case xml.StartElement:
				tag := e.Name.Local
				count[tag]++
				attr := map[string]string{}
				for _, a := range e.Attr {
					attr[a.Name.Local] = a.Value
				}
				if id := attr["id"]; id != "" {
					if ids[id] {
						t.Errorf("%s: id %q comes twice", name, id)
					}
					ids[id] = true
				}
				if tag == "input" && attr["aria-label"] == "" || tag == "nav" && attr["aria-label"] == "" || tag == "th" && attr["scope"] == "" {
					t.Errorf("%s: %s without a name or scope", name, tag)
				}
				if tag == "svg" && attr["aria-hidden"] == "" && (attr["role"] != "img" || attr["aria-label"] == "") {
					t.Errorf("%s: a picture without words", name)
				}
				if n := attr["tabindex"]; n != "" && n != "0" {
					t.Errorf("%s: tabindex %s", name, n)
				}
				if !void[tag] {
					open = append(open, tag)
				}
			case xml.EndElement:
				tag := e.Name.Local
				if void[tag] {
					continue
				}
				if len(open) == 0 || open[len(open)-1] != tag {
					t.Fatalf("%s: </%s> closes %v", name, tag, open)
				}
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 || count["h1"] != 1 || count["main"] != 1 || !bytes.Contains(b, []byte(`<html lang="en">`)) || !ids["main"] {
			t.Errorf("%s: open %v, %d h1, %d main", name, open, count["h1"], count["main"])
		}
	}
}

// What the pages say, word for word.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, name := range []string{"address", "unknown", "override", "fallback", "home", "empty", "browse", "counting", "prefix", "none", "message"} {
		page, err := Render(views("198.51.100.7")[name])
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(page), style, "", 1)
		b.WriteString("== " + name + "\n" + text + "\n")
	}
	path := filepath.Join("testdata", "pages.golden")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(b.String()), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("pages differ; run with -update and look at the difference\n%s", b.String())
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		percent(0): "0.0\u00a0%", percent(0.0004): "<\u00a00.1\u00a0%", percent(0.9734): "97.3\u00a0%", percent(0.9996): ">\u00a099.9\u00a0%", percent(1): "100.0\u00a0%",
		number(0): "0", number(999): "999", number(1000): "1,000", number(-1234567): "-1,234,567",
		signed(1.234): "+1.23", signed(-1.235): "−1.24", signed(-0.001): "0.00",
		age(30 * time.Second): "less than a minute", age(time.Minute): "1 minute", age(3 * time.Hour): "3 hours", age(50 * time.Hour): "2 days",
	} {
		if strings.ReplaceAll(got, "\u00a0", " ") != strings.ReplaceAll(want, "\u00a0", " ") {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Very many hours become few bars, and no request is lost on the way.
func TestHours(t *testing.T) {
	var h []Hour
	for i := range 3000 {
		h = append(h, Hour{monday.Add(time.Duration(i) * time.Hour), 1 + i%7})
	}
	svg := string(hours(h))
	if n := strings.Count(svg, "<rect"); n > maxBars+1 {
		t.Errorf("%d bars", n)
	}
	if p := peak(h); p.Step != 8 || p.Hours != 3000 || p.Most != 7 {
		t.Errorf("%+v", p)
	}
	if hours(nil) != "" || bins([]int{0, 0}) != "" {
		t.Error("a picture of nothing")
	}
	if n := strings.Count(string(hours(h[:1])), "<rect"); n != 2 {
		t.Errorf("%d rects for one hour", n)
	}
}
