package edge

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"iter"
	"math"
	"strconv"
	"time"
)

var csvHead = []string{"prefix", "addresses", "confidence", "since", "until", "reason", "source"}

// writeCSV writes an entry a line under a line of names. CSV has no comments:
// each line holds what is needed to answer for it.
func writeCSV(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	c := csv.NewWriter(w)
	if err := c.Write(csvHead); err != nil {
		return err
	}
	until := instant(h.Until)
	for e := range entries {
		if err := c.Write([]string{e.Prefix.String(), strconv.Itoa(e.Addresses), strconv.FormatFloat(fourDecimals(e.Confidence), 'f', -1, 64), instant(e.Since), until, e.Reason, h.Source}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func fourDecimals(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// listJSON is the first line of a jsonl list, entryJSON each other.
type listJSON struct {
	List *headerJSON `json:"list"`
}

type headerJSON struct {
	Name      string `json:"name"`
	Source    string `json:"source,omitempty"`
	Date      string `json:"date,omitempty"`
	Threshold string `json:"threshold,omitempty"`
	Since     string `json:"since,omitempty"`
	Until     string `json:"until,omitempty"`
	Why       string `json:"why,omitempty"`
	Appeal    string `json:"appeal,omitempty"`
	Stats     Stats  `json:"stats"`
}

type entryJSON struct {
	Prefix     string  `json:"prefix"`
	Addresses  int     `json:"addresses"`
	Confidence float64 `json:"confidence"`
	Since      string  `json:"since,omitempty"`
	Until      string  `json:"until,omitempty"`
	Reason     string  `json:"reason,omitempty"`
}

func writeJSONLines(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	until := instant(h.Until)
	if !h.Bare {
		if err := enc.Encode(listJSON{&headerJSON{h.Name, h.Source, h.Date, h.Threshold, instant(h.Since), until, h.Why, h.Appeal, h.Stats}}); err != nil {
			return err
		}
	}
	for e := range entries {
		if err := enc.Encode(entryJSON{e.Prefix.String(), e.Addresses, fourDecimals(e.Confidence), instant(e.Since), until, e.Reason}); err != nil {
			return err
		}
	}
	return nil
}
