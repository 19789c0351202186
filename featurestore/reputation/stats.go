package reputation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sluice/featurestore/row"
)

// Shape is the form of an export.
type Shape string

// The shapes.
const (
	PlainText     Shape = "plain text list"
	BlacklistJSON Shape = "blacklist JSON"
	CSVList       Shape = "CSV list"
	CheckAnswers  Shape = "check answers"
	CheckCSV      Shape = "check answers as CSV"
)

// FileStats are what one file held. For JSON that is not one value a line,
// entries of the list count as lines.
type FileStats struct {
	Name    string      `json:"name"`
	Shape   Shape       `json:"shape"`
	Months  []row.Month `json:"months"` // that it speaks for, ascending
	SHA256  string      `json:"sha256"` // of the file as stored
	Bytes   int64       `json:"bytes"`  // as stored
	Lines   int         `json:"lines"`  // with content: no blank line, comment or header
	Good    int         `json:"good"`
	IPv4    int         `json:"ipv4"` // of the good ones
	IPv6    int         `json:"ipv6"`
	Rejects []Reject    `json:"rejects,omitempty"` // by count, then reason
	// SameAs names the earlier file of identical content, which was taken
	// instead of this one.
	SameAs string `json:"same_as,omitempty"`
	// Note says what is unusual about the file.
	Note string `json:"note,omitempty"`
}

// Reject counts the lines refused for one reason.
type Reject struct {
	Reason    string `json:"reason"`
	Count     int    `json:"count"`
	FirstLine int    `json:"first_line"`
}

func (f *FileStats) reject(reason string, line int) {
	f.Lines++
	for i := range f.Rejects {
		if f.Rejects[i].Reason == reason {
			f.Rejects[i].Count++
			return
		}
	}
	f.Rejects = append(f.Rejects, Reject{reason, 1, line})
}

func (f *FileStats) good(is4 bool) {
	f.Lines++
	f.Good++
	if is4 {
		f.IPv4++
	} else {
		f.IPv6++
	}
}

func (f *FileStats) sortRejects() {
	slices.SortFunc(f.Rejects, func(a, b Reject) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
}

// rejects is the reasons as one phrase: "3 × not an IP address (first on line 7)".
func (f *FileStats) rejects() string {
	if len(f.Rejects) == 0 {
		return "it is empty"
	}
	parts := make([]string, 0, len(f.Rejects))
	for _, r := range f.Rejects {
		parts = append(parts, fmt.Sprintf("%d × %s (first on line %d)", r.Count, r.Reason, r.FirstLine))
	}
	return strings.Join(parts, ", ")
}
