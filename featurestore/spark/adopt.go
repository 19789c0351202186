package spark

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore"
	"sluice/featurestore/aggregate"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// record is a row as Spark writes it, integers all.
type record struct {
	Window    int32  `parquet:"win,optional"`     // -1: the hours are outcomes
	Address   string `parquet:"address,optional"` // addressKey: 4 or 6, then hex digits
	Requests  int64  `parquet:"requests,optional"`
	Again     int64  `parquet:"again,optional"`   // of them, those that an earlier window has too
	SizeHi    int64  `parquet:"size_hi,optional"` // 2³² of bytes
	SizeLo    int64  `parquet:"size_lo,optional"`
	SizeRows  int64  `parquet:"size_rows,optional"`
	Referers  int64  `parquet:"referers,optional"`
	Languages int64  `parquet:"languages,optional"`

	Pageviews        int64 `parquet:"pageviews,optional"`
	PageviewRows     int64 `parquet:"pageview_rows,optional"`
	RefererClasses   int64 `parquet:"referer_classes,optional"`
	RefererClassRows int64 `parquet:"referer_class_rows,optional"`
	Spiders          int64 `parquet:"spiders,optional"`
	AgentTypeRows    int64 `parquet:"agent_type_rows,optional"`
	Desktop          int64 `parquet:"desktop,optional"`
	MobileWeb        int64 `parquet:"mobile_web,optional"`
	MobileApp        int64 `parquet:"mobile_app,optional"`
	AccessRows       int64 `parquet:"access_rows,optional"`
	StatusRows       int64 `parquet:"status_rows,optional"`
	Status3          int64 `parquet:"status_3xx,optional"`
	Status4          int64 `parquet:"status_4xx,optional"`
	Status5          int64 `parquet:"status_5xx,optional"`
	Posts            int64 `parquet:"posts,optional"`
	Probes           int64 `parquet:"probes,optional"`
	Robots           int64 `parquet:"robots,optional"`
	Crawlers         int64 `parquet:"crawlers,optional"`

	First int64 `parquet:"first_at,optional"`
	Last  int64 `parquet:"last_at,optional"`
	Hours []struct {
		Hour     int64 `parquet:"hour,optional"`
		Requests int64 `parquet:"requests,optional"`
	} `parquet:"hours,list"`

	Queries      int64 `parquet:"queries,optional"`
	Paths        int64 `parquet:"paths,optional"`
	Agents       int64 `parquet:"agents,optional"`
	AgentIPs     int64 `parquet:"agent_ips,optional"`
	AgentLength  int64 `parquet:"agent_length,optional"`
	Browser      int64 `parquet:"browser,optional"`
	PathRequests []struct {
		Requests int64 `parquet:"requests,optional"`
		Paths    int64 `parquet:"paths,optional"`
	} `parquet:"path_requests,list"`
	Quartile1 *int64 `parquet:"gap_q1,optional"`
	Quartile2 *int64 `parquet:"gap_q2,optional"`
	Quartile3 *int64 `parquet:"gap_q3,optional"`

	PrefixIPs      int64 `parquet:"prefix_ips,optional"`
	PrefixRequests int64 `parquet:"prefix_requests,optional"`
}

// counted is the outcome of requests that the filter keeps, in windows or not.
const counted = "counted"

// adopt turns what Spark wrote into rows and hands them to the store.
func (r *run) adopt(ctx context.Context, store *featurestore.Store) error {
	files, err := filepath.Glob(filepath.Join(r.parts, "*.parquet"))
	if err != nil {
		return err
	}
	slices.Sort(files) // as Spark numbers them, in the order of its rows
	if r.written > 0 && len(files) == 0 {
		return fault.Field(fault.Unavailable, "staging", "Spark wrote %d rows to %s, and nothing is there on this machine: the workers see another folder under that name. Name one that all share, or a URL (--staging hdfs://…)", r.written, r.parts)
	}
	a := featurestore.Adoption{Months: r.result.Months, Rows: r.rows(ctx, files), Windows: r.Windows, Labeler: r.Labeler, Notes: r.notes(), Reason: r.reason}
	if err := store.Adopt(ctx, a); err != nil {
		return err
	}
	if r.parts != filepath.Join(r.work, "parts") {
		os.RemoveAll(r.parts)
	}
	if r.result.Rows == 0 {
		r.result.Warnings = append(r.result.Warnings, "no request lies in the windows: the months have no rows")
	}
	return nil
}

// rows are those of the files, in their order; it ends with an error where
// they are fewer or more than Spark said.
func (r *run) rows(ctx context.Context, files []string) iter.Seq2[*row.Row, error] {
	return func(yield func(*row.Row, error) bool) {
		var n, others int64
		names := append(outcomes(&r.Options), [2]string{counted})
		stopped := errors.New("stopped")
		for _, path := range files {
			err := eachRecord(path, func(rec *record) error {
				if rec.Window == -1 {
					n, others = n+1, others+1
					for _, h := range rec.Hours {
						if h.Hour < 0 || int(h.Hour) >= len(names) {
							return errors.New("an outcome of requests is not known")
						}
						r.result.Outcomes[names[h.Hour][0]] += h.Requests
					}
					return nil
				}
				r.result.Outcomes[counted] += rec.Requests - rec.Again
				out, err := r.row(rec)
				if err != nil {
					return err
				}
				if n++; n%65536 == 0 {
					if ctx.Err() != nil {
						return fault.As(fault.Interrupted, ctx.Err())
					}
					if r.Progress != nil {
						r.Progress(Progress{Stage: StageAdopt, Done: n, Total: r.written})
					}
				}
				if !yield(out, nil) {
					return stopped
				}
				return nil
			})
			switch {
			case err == stopped:
				return
			case err != nil && fault.KindOf(err) == fault.Unknown:
				err = fault.New(fault.Corrupt, "%s: %w; run the same command again", filepath.Base(path), err)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
		r.result.Rows = n - others
		if n != r.written {
			yield(nil, fault.New(fault.Corrupt, "Spark wrote %d rows, and %d are in its files: a part is missing or was written twice; run the same command again", r.written, n))
		}
	}
}

// eachRecord reads a file of records. A column that is not there, or of another
// type, is an error.
func eachRecord(path string, do func(*record) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	pf, err := parquet.OpenFile(f, st.Size())
	if err != nil {
		return err
	}
	want := parquet.SchemaOf(new(record))
	for _, c := range want.Columns() {
		if _, ok := pf.Schema().Lookup(c...); !ok {
			return errors.New("it has no column " + strings.Join(c, "."))
		}
	}
	in := parquet.NewGenericReader[record](pf)
	defer in.Close()
	batch := make([]record, 256)
	for {
		n, err := in.Read(batch)
		for i := range batch[:n] {
			if err := do(&batch[i]); err != nil {
				return err
			}
		}
		clear(batch[:n])
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// row makes a row of Spark's integers.
func (r *run) row(rec *record) (*row.Row, error) {
	if rec.Window < 0 || int(rec.Window) >= len(r.Windows) {
		return nil, errors.New("a row has a window that was not asked for")
	}
	ip, ok := parseKey(rec.Address)
	if !ok || rec.Requests <= 0 || len(rec.Hours) == 0 {
		return nil, errors.New("a row has no address or no requests")
	}
	w := &r.Windows[rec.Window]
	has := func(name string) int64 {
		if slices.Contains(r.result.Lacking, name) {
			return 0
		}
		return rec.Requests
	}
	s := aggregate.Summary{
		Counts: aggregate.Counts{
			Requests: rec.Requests, SizeRows: rec.SizeRows, QueryRows: has("uri_query"), AgentRows: has("user_agent"),
			Referer: aggregate.Share{N: rec.Referers, Of: has("referer")}, AcceptLanguage: aggregate.Share{N: rec.Languages, Of: has("accept_language")},
			Pageview: aggregate.Share{N: rec.Pageviews, Of: rec.PageviewRows}, RefererClass: aggregate.Share{N: rec.RefererClasses, Of: rec.RefererClassRows},
			Spider:  aggregate.Share{N: rec.Spiders, Of: rec.AgentTypeRows},
			Desktop: rec.Desktop, MobileWeb: rec.MobileWeb, MobileApp: rec.MobileApp, AccessRows: rec.AccessRows,
			First: rec.First, Last: rec.Last,
			StatusRows: rec.StatusRows, Status3: rec.Status3, Status4: rec.Status4, Status5: rec.Status5,
			Post: aggregate.Share{N: rec.Posts, Of: has("http_method")}, Probe: aggregate.Share{N: rec.Probes, Of: has("uri_path")},
			Crawler:  aggregate.Share{N: rec.Crawlers, Of: has("user_agent")},
			Robots:   aggregate.Share{N: rec.Robots, Of: has("uri_path")},
			Measured: has("user_agent"), AgentLength: rec.AgentLength, Browser: rec.Browser,
		},
		Agents: rec.Agents, Queries: rec.Queries, URIPaths: rec.Paths,
	}
	s.AddSize(uint64(rec.SizeHi)>>32, uint64(rec.SizeHi)<<32)
	s.AddSize(0, uint64(rec.SizeLo))
	for _, h := range rec.Hours {
		s.Hours = append(s.Hours, row.HourCount{Hour: h.Hour, Requests: h.Requests})
	}
	for _, p := range rec.PathRequests {
		s.Paths = append(s.Paths, aggregate.PathCount{Requests: p.Requests, Paths: p.Paths})
	}
	if rec.Quartile1 != nil && rec.Quartile2 != nil && rec.Quartile3 != nil {
		s.HasGaps, s.Quartiles = true, [3]int64{*rec.Quartile1, *rec.Quartile2, *rec.Quartile3}
	}
	shared := aggregate.Shared{AgentIPs: rec.AgentIPs, PrefixIPs: rec.PrefixIPs, PrefixRequests: rec.PrefixRequests}
	if has("user_agent") == 0 {
		shared.AgentIPs = 0
	}
	return &row.Row{
		Key:    row.Key{Month: w.Month, Attack: w.ID, IP: ip},
		Values: s.Values(nil, shared), First: rec.First, Last: rec.Last, Hours: s.Hours,
	}, nil
}

// parseKey reads an address as addressKey writes it.
func parseKey(s string) (netip.Addr, bool) {
	if s == "" {
		return netip.Addr{}, false
	}
	b, err := hex.DecodeString(s[1:])
	if err != nil || s[0] == '4' && len(b) != 4 || s[0] == '6' && len(b) != 16 || s[0] != '4' && s[0] != '6' {
		return netip.Addr{}, false
	}
	a, ok := netip.AddrFromSlice(b)
	return a, ok && !a.Is4In6()
}
