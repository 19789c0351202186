package simulate

import (
	"io"

	"github.com/parquet-go/parquet-go"

	"sluice/featurestore/fault"
)

// parquetRequest is the request with the refined table's column names and the
// derived columns that a row needs.
type parquetRequest struct {
	Hostname     string  `parquet:"hostname,dict"`
	Sequence     int64   `parquet:"sequence"`
	DT           string  `parquet:"dt,dict"`
	FirstByte    float64 `parquet:"time_firstbyte"`
	IP           string  `parquet:"ip,dict"`
	CacheStatus  string  `parquet:"cache_status,dict"`
	HTTPStatus   string  `parquet:"http_status,dict"`
	ResponseSize int64   `parquet:"response_size"`
	HTTPMethod   string  `parquet:"http_method,dict"`
	URIHost      string  `parquet:"uri_host,dict"`
	URIPath      string  `parquet:"uri_path"`
	URIQuery     string  `parquet:"uri_query"`
	ContentType  string  `parquet:"content_type,dict"`
	Referer      string  `parquet:"referer,dict"`
	UserAgent    string  `parquet:"user_agent,dict"`
	AcceptLang   string  `parquet:"accept_language,dict"`
	XAnalytics   string  `parquet:"x_analytics,dict"`
	IsPageview   bool    `parquet:"is_pageview"`
	IsAPI        bool    `parquet:"is_api_request"`
	AccessMethod string  `parquet:"access_method,dict"`
	AgentType    string  `parquet:"agent_type,dict"`
	RefererClass string  `parquet:"referer_class,dict"`
}

// Requests held before they are encoded, and in a row group: memory,
// not meaning.
const (
	parquetBatch    = 1024
	parquetRowGroup = 256 << 10
)

type parquetSink struct {
	w      *parquet.GenericWriter[parquetRequest]
	batch  []parquetRequest
	stamps stamps
	inRow  int
}

func newParquetSink(w io.Writer) *parquetSink {
	return &parquetSink{
		w: parquet.NewGenericWriter[parquetRequest](w, parquet.Compression(&parquet.Snappy),
			parquet.KeyValueMetadata("simulated", "true"), parquet.CreatedBy("sluice", "simulated", "")),
		batch: make([]parquetRequest, 0, parquetBatch),
	}
}

func (s *parquetSink) put(r *request) error {
	s.stamps.at(r.second)
	s.batch = append(s.batch, parquetRequest{
		Hostname: r.cacheHost + ".simulated.example", Sequence: r.sequence, DT: string(s.stamps.iso),
		FirstByte: float64(r.micros) / 1e6, IP: string(r.ip), CacheStatus: r.cache, HTTPStatus: r.status,
		ResponseSize: r.size, HTTPMethod: r.method, URIHost: string(r.host), URIPath: string(r.path),
		URIQuery: string(r.query), ContentType: r.contentType, Referer: dash(string(r.referer)), UserAgent: dash(string(r.agent)),
		AcceptLang: dash(r.language), XAnalytics: string(r.xAnalytics), IsPageview: r.pageview, IsAPI: r.api,
		AccessMethod: r.access, AgentType: agentType(r.spider), RefererClass: none(r.refererClass),
	})
	if len(s.batch) < parquetBatch {
		return nil
	}
	return s.flush()
}

func (s *parquetSink) flush() error {
	if _, err := s.w.Write(s.batch); err != nil {
		return fault.Wrap(err, "Parquet")
	}
	s.inRow += len(s.batch)
	s.batch = s.batch[:0]
	if s.inRow >= parquetRowGroup {
		s.inRow = 0
		return s.w.Flush()
	}
	return nil
}

func (s *parquetSink) close() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.w.Close()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func none(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func agentType(spider bool) string {
	if spider {
		return "spider"
	}
	return "user"
}
