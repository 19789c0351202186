package simulate

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"sluice/featurestore/columns"
)

// writeAttacks writes the windows as attacks.csv: start, end, name, note.
func (w *World) writeAttacks(_ context.Context, dir string, f *Files) error {
	f.Attacks = filepath.Join(dir, "attacks.csv")
	return writeAtomic(f.Attacks, func(b *bufio.Writer) error {
		b.WriteString("start,end,name,note\n")
		for _, a := range w.Windows() {
			fmt.Fprintf(b, "%s,%s,%s,%s\n", stamp(a.Start), stamp(a.End), a.ID, a.Note)
		}
		return nil
	})
}

func stamp(second int64) string { return time.Unix(second, 0).UTC().Format(time.RFC3339) }

// truth is one pair as it really is.
type truth struct {
	Simulated  bool               `json:"simulated"`
	Month      string             `json:"month"`
	Attack     string             `json:"attack"`
	IP         string             `json:"ip"`
	Kind       Kind               `json:"kind"`
	Abusive    bool               `json:"abusive"`
	Reported   bool               `json:"reported"` // as of the month's end
	ReportedAt string             `json:"reported_at,omitempty"`
	Shared     bool               `json:"shared"`
	Crawler    bool               `json:"crawler"`
	Background bool               `json:"background"`
	Start      string             `json:"start"`
	End        string             `json:"end"`
	Columns    map[string]float64 `json:"columns"`
}

// writeTruth writes truth.jsonl: what no log and no list would tell.
func (w *World) writeTruth(_ context.Context, dir string, f *Files) error {
	f.Truth = filepath.Join(dir, "truth.jsonl.gz")
	names := columns.Names()
	return writeAtomic(f.Truth, func(b *bufio.Writer) error {
		e := json.NewEncoder(b)
		for i := range w.cfg.Months {
			m := w.get(i)
			for k, ps := range [][]Profile{m.pairs, m.background} {
				for j := range ps {
					p := &ps[j]
					t := truth{Simulated: true, Month: p.Month.String(), Attack: p.Attack, IP: p.IP.String(), Kind: p.Kind,
						Abusive: p.Abusive, Reported: p.Reported, Shared: p.Shared, Crawler: p.Crawler, Background: k == 1,
						Start: stamp(p.Start), End: stamp(p.End), Columns: map[string]float64{}}
					if !p.ReportedAt.IsZero() {
						t.ReportedAt = p.ReportedAt.Format(time.RFC3339)
					}
					for c, v := range p.Values() {
						t.Columns[names[c]] = v
					}
					if err := e.Encode(t); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}
