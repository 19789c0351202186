package build

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"sluice/featurestore"
	"sluice/featurestore/accesslog"
	"sluice/featurestore/aggregate"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/webrequest"
)

// derived is a webrequest.Deriver of one goroutine.
type derived struct{ d *webrequest.Deriver }

func (d derived) Derive(r *webrequest.Request) webrequest.Derived { return d.d.Derive(r) }

// fieldNames are webrequest's names of the columns that a log may have.
var fieldNames = []struct {
	field webrequest.Field
	name  string
}{
	{webrequest.FieldDT, "dt"},
	{webrequest.FieldIP, "ip"},
	{webrequest.FieldCacheStatus, "cache_status"},
	{webrequest.FieldHTTPStatus, "http_status"},
	{webrequest.FieldResponseSize, "response_size"},
	{webrequest.FieldHTTPMethod, "http_method"},
	{webrequest.FieldURIHost, "uri_host"},
	{webrequest.FieldURIPath, "uri_path"},
	{webrequest.FieldURIQuery, "uri_query"},
	{webrequest.FieldContentType, "content_type"},
	{webrequest.FieldReferer, "referer"},
	{webrequest.FieldUserAgent, "user_agent"},
	{webrequest.FieldAcceptLanguage, "accept_language"},
	{webrequest.FieldXAnalytics, "x_analytics"},
	{webrequest.FieldXForwardedFor, "x_forwarded_for"},
	{webrequest.FieldTimeFirstbyte, "time_firstbyte"},
	{webrequest.FieldIsPageview, "is_pageview"},
	{webrequest.FieldIsAPIRequest, "is_api_request"},
	{webrequest.FieldAccessMethod, "access_method"},
	{webrequest.FieldAgentType, "agent_type"},
	{webrequest.FieldRefererClass, "referer_class"},
	{webrequest.FieldHostname, "hostname"},
	{webrequest.FieldSequence, "sequence"},
}

func availableNames(f webrequest.Field) []string {
	names := []string{}
	for _, n := range fieldNames {
		if f.Has(n.field) {
			names = append(names, n.name)
		}
	}
	return names
}

// read aggregates one input and writes its partial and its rejects.
func (b *builder) read(ctx context.Context, in *input, workers int, memory int64) (*featurestore.Source, error) {
	rejects := &rejects{store: b.store}
	defer rejects.discard()
	access := b.Access
	access.Rejects = func(line int64, reason accesslog.Reason, text []byte) {
		if b.Access.Rejects != nil {
			b.Access.Rejects(line, reason, text)
		}
		if b.Pseudonyms == nil {
			rejects.add(line, reason.String(), text)
		}
	}
	done, finish := b.meter.file(in.name)
	defer finish()

	agg := aggregate.New(aggregate.Options{
		Workers: workers, Windows: b.windows, Filter: b.filter, Memory: memory, Twelve: b.Twelve, TempDir: b.store.TempDir(),
		Deriver: func(int) aggregate.Deriver { return derived{b.deriver.Fork()} },
	})
	defer agg.Close()

	info := featurestore.SourceInfo{Name: in.name, Options: b.options, OptionsText: b.optionsText, Reading: b.reading, Twelve: b.Twelve, Available: []string{}}
	sha := ""
	log, err := accesslog.Open(in.path, access)
	switch {
	case errors.Is(err, accesslog.ErrEmpty):
		// A log without a line is one: nothing was asked for.
		if in.path == "-" {
			empty := sha256.Sum256(nil)
			in.sha = hex.EncodeToString(empty[:])
		} else if in.sha == "" {
			if err := in.hash(ctx, new(atomic.Int64)); err != nil {
				return nil, err
			}
		}
		sha = in.sha
		info.Bytes = in.size
		info.Notes = []string{"the log is empty"}
	case err != nil:
		return nil, err
	default:
		log.Only(b.needed(log))
		mappers := make([]*pseudonym.Mapper, workers)
		if b.Pseudonyms != nil {
			for i := range mappers {
				mappers[i] = b.Pseudonyms.Mapper()
			}
		}
		err := log.Scan(ctx, workers, func(worker int, r *webrequest.Request) error {
			if worker == 0 {
				done.Store(log.BytesRead())
			}
			if m := mappers[worker]; m != nil {
				r.IP = m.Pseudonym(r.IP)
			}
			return agg.Add(worker, r)
		})
		done.Store(log.BytesRead())
		if err != nil {
			return nil, err
		}
		if sha = log.SHA256(); in.sha != "" && sha != in.sha || in.changed() {
			return nil, fault.Field(fault.Unavailable, "logs", "log %s: %w", in.path, errChanged)
		}
		b.describe(&info, log)
	}
	info.Requests = agg.Stats()
	info.WindowsDigest = b.windows.Digest(info.Requests.First, info.Requests.Last)
	if err := rejects.keep(sha); err != nil {
		return nil, err
	}
	return b.writePartial(ctx, agg, sha, info)
}

const (
	derivedFields = webrequest.FieldIsPageview | webrequest.FieldIsAPIRequest | webrequest.FieldAccessMethod | webrequest.FieldAgentType | webrequest.FieldRefererClass
	// counted are the columns that package aggregate looks at.
	counted = webrequest.FieldDT | webrequest.FieldIP | webrequest.FieldCacheStatus | webrequest.FieldHTTPStatus | webrequest.FieldResponseSize |
		webrequest.FieldHTTPMethod | webrequest.FieldURIPath | webrequest.FieldURIQuery | webrequest.FieldReferer | webrequest.FieldUserAgent |
		webrequest.FieldAcceptLanguage | derivedFields
	// sourced are those that a deriver looks at besides, where it must derive.
	sourced = webrequest.FieldURIHost | webrequest.FieldContentType | webrequest.FieldXAnalytics
)

// needed are the columns that must be decoded.
func (b *builder) needed(log *accesslog.Log) webrequest.Field {
	if !b.Web.Derive && log.Complete().Has(derivedFields) {
		return counted
	}
	return counted | sourced
}

// describe puts what the reader found into info, with notes for what a person
// should know.
func (b *builder) describe(info *featurestore.SourceInfo, log *accesslog.Log) {
	st := log.Stats()
	available := log.Available()
	info.Format, info.Bytes, info.Lines = log.Format(), st.BytesRead, st.Lines
	info.Available = availableNames(available)
	for reason, n := range st.Rejected {
		if n > 0 {
			if info.Rejects == nil {
				info.Rejects = map[string]int64{}
			}
			info.Rejects[reason.String()] = n
		}
	}
	note := func(format string, args ...any) { info.Notes = append(info.Notes, fmt.Sprintf(format, args...)) }
	if len(b.filter.CacheStatus) > 0 && !b.filter.CacheApplied(available) {
		note("cache filter not applied: the log has no cache_status, so request_count holds cache hits too")
	}
	if b.filter.ExcludeAPI && !b.filter.APIApplied(b.Web, available) {
		note("API requests not left out: no API prefixes or hosts are named, and the log doesn't tell")
	}
	for _, c := range columns.Twelve() {
		for _, need := range c.Source {
			if !slices.Contains(info.Available, need) {
				note("%s is missing: the log has no %s", c.Name, need)
				break
			}
		}
	}
	if st.ClockJumps > 0 {
		note("the clock jumps back by more than an hour within the log")
	}
}

func (b *builder) writePartial(ctx context.Context, agg *aggregate.Aggregator, sha string, info featurestore.SourceInfo) (*featurestore.Source, error) {
	name := featurestore.PartialName(sha, b.options, b.reading, info.WindowsDigest)
	p, err := b.store.NewPartial(name)
	if err != nil {
		return nil, err
	}
	defer p.Cleanup()
	out := bufio.NewWriterSize(p, 256<<10)
	head, err := agg.Finish(ctx, out, info)
	if err == nil {
		err = out.Flush()
	}
	var st os.FileInfo
	if err == nil {
		st, err = p.Stat()
	}
	if err == nil {
		err = p.CloseAtomicallyReplace()
	}
	if err != nil {
		return nil, featurestore.DiskError("the partial of "+info.Name, err)
	}
	src := &featurestore.Source{SHA256: sha, Partial: name, PartialBytes: st.Size(), PartialFormat: head.FormatVersion, SourceInfo: info, Windows: []featurestore.SourceWindow{}}
	for _, w := range head.Windows {
		src.Windows = append(src.Windows, featurestore.SourceWindow{Attack: w.ID, Month: w.Month, Rows: w.Records})
	}
	return src, nil
}
