package edge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"sluice/featurestore/fault"
)

// writeIPBlock writes an ipblock object of requestctl, for the scope abuse.
func writeIPBlock(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	comment(w, "# ", h.lines(Requestctl))
	about := []string{"sluice"}
	if h.Source != "" {
		about = append(about, h.Source)
	}
	if h.Date != "" {
		about = append(about, "as of "+h.Date)
	}
	if h.Threshold != "" {
		about = append(about, h.Threshold)
	}
	if !h.Until.IsZero() {
		about = append(about, "until "+h.Until.UTC().Format("2006-01-02T15:04:05Z"))
	}
	fmt.Fprintf(w, "comment: %s\ncidrs:", yamlString(strings.Join(about, "; ")))
	n := 0
	var buf []byte
	for e := range entries {
		n++
		// Quoted: "::1/128" and the like are no plain YAML everywhere.
		buf = append(buf[:0], "\n  - \""...)
		buf = append(appendPrefix(buf, e.Prefix), '"')
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	if n == 0 {
		w.WriteString(" []")
	}
	return w.WriteByte('\n')
}

// WriteAction writes the requestctl action that goes with a list's ipblock. It
// is a rehearsal: disabled, so that it stops nothing, with log_matching, so
// that what it would have matched is recorded. Enabled by hand it answers with
// 429 and throttles each address by itself. Errors: Invalid, and what w says.
func WriteAction(w io.Writer, h Header) error {
	if err := h.check(); err != nil {
		return err
	}
	reason := "Too many requests"
	if h.Appeal != "" {
		reason += "; to appeal: " + h.Appeal
	}
	if len(reason) > 512 {
		return fault.Field(fault.Invalid, "appeal", "an appeal of %d bytes: want at most 480, it is sent with each answer", len(h.Appeal))
	}
	b := bufio.NewWriter(w)
	comment(b, "# ", h.lines(Requestctl))
	fmt.Fprintf(b, `enabled: false
log_matching: true
cache_miss_only: true
comment: %s
expression: ipblock@abuse/%s
resp_status: 429
resp_reason: %s
sites: []
do_throttle: true
throttle_per_ip: true
throttle_requests: 500
throttle_interval: 30
throttle_duration: 1000
`, yamlString("Rehearsal of the list "+h.Name+": records what it matches, stops nothing until it is enabled"), h.Name, yamlString(reason))
	return b.Flush()
}

// yamlString quotes a text: a JSON string is a YAML string.
func yamlString(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can't fail
	}
	return string(b)
}
