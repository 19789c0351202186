package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"sluice/featurestore"
	"sluice/featurestore/aggregate"
	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/geo"
	"sluice/featurestore/row"
	"sluice/train/report"
)

// seenAttacks is what detecting or describing attacks saw, kept in the store so that a run that reads
// no log reports the same as the one that did.
type seenAttacks struct {
	Hours   [][2]int64   `json:"hours"` // hour since 1970 and its requests, ascending
	Attacks []seenAttack `json:"attacks"`
}

type seenAttack struct {
	Attack    string           `json:"attack"`
	Start     int64            `json:"start"`
	End       int64            `json:"end"`
	Signature attack.Signature `json:"signature"`
}

func seenPath(st *featurestore.Store) string { return filepath.Join(st.Dir(), "attacks.json") }

// readSeen reads what detection saw; nil where it never ran. sum names it.
func readSeen(st *featurestore.Store) (seen *seenAttacks, sum string, err error) {
	b, err := os.ReadFile(seenPath(st))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	} else if err != nil {
		return nil, "", fault.Wrap(err, "what detection saw")
	}
	seen = &seenAttacks{}
	if err := json.Unmarshal(b, seen); err != nil {
		return nil, "", fault.New(fault.Corrupt, "%s: %v; remove it and detect the attacks again", seenPath(st), err)
	}
	return seen, fmt.Sprintf("%x", sha256.Sum256(b)), nil
}

// keepSeen adds what was seen of windows now, their signatures in their order,
// and of hours. Of an hour that was seen before the larger count stays: files are
// mostly given again, or more of them.
func keepSeen(st *featurestore.Store, windows []attack.Window, signatures []attack.Signature, seen []row.HourCount) error {
	was, _, err := readSeen(st)
	if err != nil {
		return err
	}
	var next seenAttacks
	hours := map[int64]int64{}
	if was != nil {
		for _, h := range was.Hours {
			hours[h[0]] = h[1]
		}
	}
	for _, h := range seen {
		hours[h.Hour] = max(hours[h.Hour], h.Requests)
	}
	for h, n := range hours {
		next.Hours = append(next.Hours, [2]int64{h, n})
	}
	slices.SortFunc(next.Hours, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	for i, a := range windows {
		sig := signatures[i]
		sig.Prefixes = nil // rows have them, and pseudonyms where those are asked for
		next.Attacks = append(next.Attacks, seenAttack{a.ID, a.Start, a.End, sig})
	}
	if was != nil {
		for _, a := range was.Attacks {
			if !slices.ContainsFunc(next.Attacks, func(b seenAttack) bool { return b.Attack == a.Attack }) {
				next.Attacks = append(next.Attacks, a)
			}
		}
	}
	slices.SortFunc(next.Attacks, func(a, b seenAttack) int { return strings.Compare(a.Attack, b.Attack) })
	b, err := json.Marshal(next)
	if err != nil {
		return err
	}
	return featurestore.DiskError("what detection saw", renameio.WriteFile(seenPath(st), append(b, '\n'), 0o640))
}

// detectedWindows are the windows to read logs with: those found, and where some
// of the store's logs were not given again, the windows that its rows are made
// of, which stay as they are. A window found that overlaps one of those is left
// out: it is the same attack, seen in part of the logs.
func detectedWindows(st *featurestore.Store, c *Config, found attack.Found, sink Sink) (*attack.Set, error) {
	given := map[string]bool{}
	for _, f := range c.Logs {
		given[filepath.Base(f)] = true
	}
	whole := true
	for _, f := range st.Manifest().Files {
		whole = whole && given[f.Name]
	}
	var windows []attack.Window
	if !whole {
		for _, m := range st.Manifest().Months {
			for _, w := range m.Windows {
				if w.End > 0 && w.Attack != m.Month.String() {
					windows = append(windows, attack.Window{ID: w.Attack, Start: w.Start, End: w.End})
				}
			}
		}
	}
	kept := len(windows)
	for i := range found.Attacks {
		w := found.Attacks[i].Window
		if !slices.ContainsFunc(windows[:kept], func(o attack.Window) bool { return w.Start < o.End && o.Start < w.End }) {
			windows = append(windows, w)
		}
	}
	if len(windows) == 0 {
		return nil, fault.Field(fault.Invalid, "attacks", "no attack stands out in %s; say --attacks none to take each month as one window", strings.Join(fewNames(c.Logs), ", "))
	}
	if kept > 0 {
		sink(Event{Warning: &WarningEvent{Message: fmt.Sprintf("%d windows of logs that were not given stay as they are, %d are new; what is usual was learnt from the logs given alone", kept, len(windows)-kept)}})
	}
	return attack.New(windows, c.Zone)
}

// signatureValues is how many values of a kind a report shows.
const signatureValues = 3

// reportTraffic makes the plots of traffic and the signatures of the windows of
// the months at hand. Addresses, prefixes and countries come from the store's
// rows; paths, queries and agents, and requests outside the windows, are there
// where the windows were detected or described.
func (w *work) reportTraffic() ([]report.Traffic, []report.Signature, error) {
	seen, _, err := readSeen(w.store)
	if err != nil {
		return nil, nil, err
	}
	var traffic []report.Traffic
	var signatures []report.Signature
	for _, m := range slices.Concat(w.Train, w.Test) {
		info, err := w.store.MonthInfo(m)
		if err != nil {
			return nil, nil, err
		}
		windows := map[string]*attackRows{}
		start := m.Start(time.UTC).Unix() / 3600
		t := report.Traffic{Month: m.String(), Hours: make([]float64, m.End(time.UTC).Unix()/3600-start)}
		for _, mw := range info.Windows {
			if mw.End == 0 || mw.Attack == m.String() {
				continue
			}
			windows[mw.Attack] = &attackRows{prefixes: map[netip.Prefix]float64{}, countries: map[string]float64{}, length: float64(mw.End - mw.Start)}
			t.Windows = append(t.Windows, report.Shade{ID: mw.Attack, From: float64(mw.Start)/3600 - float64(start), To: float64(mw.End)/3600 - float64(start)})
		}
		if len(windows) == 0 {
			continue
		}
		country := slices.Index(info.Columns, columns.GeoGroup.Names()[columns.CountryCode])
		err = w.store.ScanMonth(m, true, func(r *row.Row) error {
			a := windows[r.Attack]
			if a == nil {
				return nil
			}
			a.add(r, country)
			for _, h := range r.Hours {
				if i := h.Hour - start; seen == nil && i >= 0 && i < int64(len(t.Hours)) {
					t.Hours[i] += float64(h.Requests)
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
		if seen != nil {
			t.Whole = true
			for _, h := range seen.Hours {
				if i := h[0] - start; i >= 0 && i < int64(len(t.Hours)) {
					t.Hours[i] = float64(h[1])
				}
			}
		}
		traffic = append(traffic, t)
		for _, mw := range info.Windows {
			if a := windows[mw.Attack]; a != nil {
				signatures = append(signatures, a.signature(mw, seen))
			}
		}
	}
	return traffic, signatures, nil
}

// attackRows is what a window's rows say of it.
type attackRows struct {
	requests, length float64
	fast             int
	prefixes         map[netip.Prefix]float64
	countries        map[string]float64
}

func (a *attackRows) add(r *row.Row, country int) {
	n := r.Values[columns.RequestCount]
	a.requests += n
	if n > a.length {
		a.fast++
	}
	a.prefixes[aggregate.PrefixOf(r.IP)] += n
	if country >= 0 {
		if c := geo.Country(r.Values[country]); c != "" {
			a.countries[c] += n
		}
	}
}

func (a *attackRows) signature(mw featurestore.MonthWindow, seen *seenAttacks) report.Signature {
	out := report.Signature{ID: mw.Attack, Fast: a.fast}
	part := func(kind string, values []report.SignatureValue) {
		slices.SortFunc(values, func(x, y report.SignatureValue) int {
			return cmp.Or(cmp.Compare(y.Share, x.Share), strings.Compare(x.Value, y.Value))
		})
		if len(values) > 0 {
			out.Parts = append(out.Parts, report.SignaturePart{Kind: kind, Values: values[:min(signatureValues, len(values))]})
		}
	}
	if seen != nil {
		for _, s := range seen.Attacks {
			if s.Attack != mw.Attack || s.Start != mw.Start || s.End != mw.End {
				continue
			}
			for _, p := range []struct {
				kind string
				top  []attack.ValueCount
			}{{"path", s.Signature.Paths}, {"query", s.Signature.Queries}, {"agent", s.Signature.Agents}} {
				var values []report.SignatureValue
				for _, v := range p.top {
					values = append(values, report.SignatureValue{Value: shown(v.Value), Share: float64(v.Requests) / float64(max(1, s.Signature.Requests))})
				}
				part(p.kind, values)
			}
		}
	}
	var prefixes, countries []report.SignatureValue
	for p, n := range a.prefixes {
		prefixes = append(prefixes, report.SignatureValue{Value: p.String(), Share: n / a.requests})
	}
	for c, n := range a.countries {
		countries = append(countries, report.SignatureValue{Value: c, Share: n / a.requests})
	}
	part("prefix", prefixes)
	part("country", countries)
	return out
}

// shown is a log's text in a report: no longer than a line, and without what
// could be taken for something else than text.
func shown(s string) string {
	if s == "" {
		return "(none)"
	}
	const most = 80
	s = strings.Trim(fmt.Sprintf("%+q", s), `"`)
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
