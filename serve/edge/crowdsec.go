package edge

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"iter"
	"time"
)

// Decisions as cscli decisions import takes them: the scopes Ip and Range, the
// type ban, durations from the moment of the import. Neither form has comments;
// the reason of each decision names the source.

// decision is one of them; the names are cscli's.
type decision struct {
	Duration string `json:"duration,omitempty"`
	Reason   string `json:"reason"`
	Scope    string `json:"scope"`
	Type     string `json:"type"`
	Value    string `json:"value"`
}

// unlimited stands for entries without a lifetime: a decision must have one.
const unlimited = 10 * 365 * 24 * time.Hour

func (h *Header) decision(e *Entry) decision {
	life := h.Lifetime
	if life == 0 {
		life = unlimited
	}
	d := decision{Duration: fmt.Sprintf("%ds", life/time.Second), Scope: "Range", Type: "ban", Value: e.Prefix.String()}
	if life%time.Hour == 0 {
		d.Duration = fmt.Sprintf("%dh", life/time.Hour)
	}
	if e.Prefix.IsSingleIP() {
		d.Scope, d.Value = "Ip", e.Prefix.Addr().String()
	}
	d.Reason = h.Name
	if h.Source != "" {
		d.Reason += ": " + h.Source
	}
	if e.Reason != "" {
		d.Reason += " (" + e.Reason + ")"
	}
	return d
}

func writeCrowdSec(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	sep := "["
	for e := range entries {
		b, err := json.Marshal(h.decision(&e))
		if err != nil {
			return err
		}
		w.WriteString(sep)
		w.WriteByte('\n')
		if _, err := w.Write(b); err != nil {
			return err
		}
		sep = ","
	}
	if sep == "[" {
		w.WriteByte('[')
	}
	_, err := w.WriteString("\n]\n")
	return err
}

func writeCrowdSecCSV(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"duration", "reason", "scope", "type", "value"}); err != nil {
		return err
	}
	for e := range entries {
		d := h.decision(&e)
		if err := c.Write([]string{d.Duration, d.Reason, d.Scope, d.Type, d.Value}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
