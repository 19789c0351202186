package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"time"
)

// Frame is what every page shows around its content.
type Frame struct {
	Title string
	// Query stands in the search field.
	Query string
	// Masked says that the reader may not see whole addresses.
	Masked bool
	// Feed is the loaded feed; nil where there is none.
	Feed *Feed
	// Here is the path of the page itself, for the navigation.
	Here string
}

// Feed is what the pages tell of the loaded feed.
type Feed struct {
	Date  string
	Rows  int
	Age   time.Duration
	Model string // that scored it
	// Expired is when the last of its scores ran out; the zero time: not yet.
	Expired time.Time
}

// Verdict is what holds for an address.
type Verdict string

// The verdicts.
const (
	Abusive    Verdict = "abusive"
	NotAbusive Verdict = "not abusive"
	Undecided  Verdict = "undecided"
	Unknown    Verdict = "unknown" // the feed does not hold the address
)

// Home is the first page.
type Home struct {
	Frame
	Top   *Top // nil where there is no feed
	Model *Model
}

// Model is the version in service.
type Model struct {
	Version           string
	Trained, Tested   string // months
	Precision, Recall *float64
	Target            string
}

// Top is a month's most abusive addresses.
type Top struct {
	Month, Date string
	Months      []string // that can be asked for, the newest first
	Rows        int      // addresses in the feed
	Abusive     int      // by the model's verdict
	Undecided   int
	Shown       []Ranked
	From, Kept  int    // rank of the first shown, from 1; how many are ranked
	Previous    string // links; "" for none
	Next        string
	Histogram   []int // addresses by confidence, in equal bins from 0 to 1
	// Counting says that the list is not ready yet.
	Counting bool
}

// Ranked is one line of a list of addresses.
type Ranked struct {
	Rank       int // 0: not ranked
	Address    string
	Link       string // "" where the reader may not see the address
	Confidence float64
	Verdict    Verdict
	Decided    string // "override", "crawler" or "": the model
	Note       string // the strongest reason
	Windows    int
}

// Address is what is known of one address.
type Address struct {
	Frame
	Address    string
	Known      bool // the feed holds it
	Confidence float64
	Verdict    Verdict
	Model      string
	AsOf       time.Time
	Expires    time.Time
	Expired    bool
	Decision   Decision
	Windows    []Window
	// WhyNot says why reasons come from the feed and hours are missing.
	WhyNot  string
	Reasons []Reason // the feed's own, where no window is explained
	History []Month
	Near    *Near
}

// Decision is what decided about the address.
type Decision struct {
	By      string // "the model", "an override", "a crawler's range"
	Scored  Verdict
	Reason  string
	Author  string
	Since   time.Time
	Until   time.Time
	Shared  string
	Crawler string
	Appeal  string
	// Listed says whether lists made of the feed hold the address.
	Listed bool
}

// Window is one window in which the address was seen.
type Window struct {
	Attack     string
	Start, End time.Time
	Confidence float64
	// Explained says that the fields below are there.
	Explained   bool
	Base        float64
	Margin      float64
	Probability float64
	Reasons     []Reason
	Hours       []Hour
}

// Reason is what one feature added to the score.
type Reason struct {
	Feature, Description string
	Value                string // with its unit
	Contribution         float64
}

// Hour is the requests of one hour.
type Hour struct {
	Start    time.Time
	Requests int
}

// Month is what the last feed of a month said.
type Month struct {
	Month, Date string
	Known       bool
	Confidence  float64
	Verdict     Verdict
	Model       string
}

// Near is the prefix around an address.
type Near struct {
	Prefix, Link string
	Members      int
	Abusive      int
}

// Prefix is the addresses of a prefix.
type Prefix struct {
	Frame
	Prefix      string
	Members     int
	Abusive     int
	NotAbusive  int
	Undecided   int
	Max, Mean   float64
	List        []Ranked
	Next        string
	Subprefixes []Subprefix
}

// Subprefix is a part of a prefix.
type Subprefix struct {
	Prefix, Link string
	Members      int
	Abusive      int
	Mean         float64
}

// Message is a page that tells one thing.
type Message struct {
	Frame
	Text string
	Hint string
	// Link and LinkText lead on.
	Link, LinkText string
}

//go:embed style.css
var style string

//go:embed page.html
var text string

// Policy is the content security policy of every page.
var Policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

var templates = template.Must(template.New("page").Funcs(template.FuncMap{
	"style":   func() template.CSS { return template.CSS(style) }, // a constant
	"pct":     percent,
	"num":     number,
	"signed":  signed,
	"day":     day,
	"instant": instant,
	"age":     age,
	"tone":    tone,
	"broken":  broken,
	"bar":     bar,
	"both":    both,
	"hours":   hours,
	"bins":    bins,
	"peak":    peak,
	"reach":   reach,
	"add":     func(a, b int) int { return a + b },
}).Parse(text))

// Render writes a page: one of Home, Address, Prefix, Message, or Browse.
func Render(view any) ([]byte, error) {
	name := ""
	switch view.(type) {
	case *Home:
		name = "home"
	case *Browse:
		name = "browse"
	case *Address:
		name = "address"
	case *Prefix:
		name = "prefix"
	case *Message:
		name = "message"
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, view); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Browse is the page of a month's most abusive addresses.
type Browse struct {
	Frame
	Top *Top
}
