package simulate

import (
	"strconv"
	"time"
)

// stamps keeps the spellings of one second, since requests come by the
// second.
type stamps struct {
	second   int64
	iso      []byte // 2024-07-26T20:00:00Z
	combined []byte // 26/Jul/2024:20:00:00 +0000
}

func (s *stamps) at(second int64) {
	if s.iso != nil && s.second == second {
		return
	}
	t := time.Unix(second, 0).UTC()
	s.second = second
	s.iso = t.AppendFormat(s.iso[:0], time.RFC3339)
	s.combined = t.AppendFormat(s.combined[:0], "02/Jan/2006:15:04:05 -0700")
}

// appendNDJSON appends the request as a line of raw webrequest: the columns of
// the cache's own log, "-" for what is absent. Nothing that the world writes
// needs escaping in JSON; a test holds it to that.
func appendNDJSON(b []byte, r *request, s *stamps) []byte {
	s.at(r.second)
	b = append(b, `{"hostname":"`...)
	b = append(b, r.cacheHost...)
	b = append(b, `.simulated.example","sequence":`...)
	b = strconv.AppendInt(b, r.sequence, 10)
	b = append(b, `,"dt":"`...)
	b = append(b, s.iso...)
	b = append(b, `","time_firstbyte":`...)
	b = appendMicros(b, r.micros)
	b = append(b, `,"ip":"`...)
	b = append(b, r.ip...)
	b = append(b, `","cache_status":"`...)
	b = append(b, r.cache...)
	b = append(b, `","http_status":"`...)
	b = append(b, r.status...)
	b = append(b, `","response_size":`...)
	b = strconv.AppendInt(b, r.size, 10)
	b = append(b, `,"http_method":"`...)
	b = append(b, r.method...)
	b = append(b, `","uri_host":"`...)
	b = append(b, r.host...)
	b = append(b, `","uri_path":"`...)
	b = append(b, r.path...)
	b = append(b, `","uri_query":"`...)
	b = append(b, r.query...)
	b = append(b, `","content_type":"`...)
	b = append(b, r.contentType...)
	b = append(b, `","referer":"`...)
	b = orDash(b, r.referer)
	b = append(b, `","user_agent":"`...)
	b = orDash(b, r.agent)
	b = append(b, `","accept_language":"`...)
	if r.language == "" {
		b = append(b, '-')
	}
	b = append(b, r.language...)
	b = append(b, `","x_analytics":"`...)
	b = append(b, r.xAnalytics...)
	return append(b, "\",\"range\":\"-\",\"accept\":\"*/*\",\"tls\":\"vers=TLSv1.3;keyx=X25519;auth=ECDSA;ciph=AES-256-GCM-SHA384\"}\n"...)
}

func orDash(b, v []byte) []byte {
	if len(v) == 0 {
		return append(b, '-')
	}
	return append(b, v...)
}

// appendMicros appends microseconds as seconds with six decimals.
func appendMicros(b []byte, v int64) []byte {
	b = strconv.AppendInt(b, v/1e6, 10)
	b = append(b, '.')
	for unit := int64(1e5); unit > 0; unit /= 10 {
		b = append(b, byte('0'+v/unit%10))
	}
	return b
}

// appendCombined appends the request as a line of the combined log format
// (https://httpd.apache.org/docs/current/logs.html#combined). It has no host,
// accept_language and cache_status, so a log of it holds only what a row is
// made of, and cannot tell the app from the mobile site.
func appendCombined(b []byte, r *request, s *stamps) []byte {
	s.at(r.second)
	b = append(b, r.ip...)
	b = append(b, " - - ["...)
	b = append(b, s.combined...)
	b = append(b, "] \""...)
	b = append(b, r.method...)
	b = append(b, ' ')
	b = append(b, r.path...)
	b = append(b, r.query...)
	b = append(b, " HTTP/1.1\" "...)
	b = append(b, r.status...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, r.size, 10)
	b = append(b, " \""...)
	b = orDash(b, r.referer)
	b = append(b, "\" \""...)
	b = orDash(b, r.agent)
	return append(b, "\"\n"...)
}
