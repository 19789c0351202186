// Package accesslog reads web request logs: one reader for each format, and a
// choice of the format by the first lines. Every good line becomes a
// webrequest.Request; every other line is counted by a Reason, and the log
// goes on.
//
// # Use
//
// Open or New reads the start of a log and settles its format, the columns it
// has and where they stand. Scan then reads it all: one goroutine reads,
// hashes and decompresses, others parse blocks of whole lines, and the
// callback gets each Request. What is reported afterwards (Stats, the order of
// Rejects, SHA256) does not depend on the number of goroutines.
//
// A Request's strings point into the reader's buffer and are valid until the
// callback returns. A good line costs no allocation, except where JSON holds a
// header as several strings. Memory is a few blocks of 256 KiB for each worker,
// and at most a few times Options.MaxLine where lines are longer than that.
//
// # Formats
//
// combined, common and vhost-combined are read as Apache, nginx and HAProxy
// write them. Escapes (\" and \xHH) stay as they are. A quote ends a field if
// it is not escaped and what must follow does: a status and a size behind the
// request, a blank or the line's end behind others. A user name may hold
// blanks and brackets. Fields behind the user agent are passed over unless
// mapped (extra1, extra2, ...), but where every line of the sample ends in a
// number with a decimal point, that is time_firstbyte. The referer or user
// agent may be missing from a line. A request line that is no HTTP request is
// no reason to reject the line: method, path and query are then "".
//
// json is one object per line with webrequest's, nginx's, Apache's or Caddy's
// names. What encoding/json rejects is rejected, and what it accepts has the
// same values: a name that comes twice counts with its last value, bytes that
// are not UTF-8 become U+FFFD. An array of strings is joined by commas.
//
// csv and tsv have a header, or a mapping by numbers. CSV is RFC 4180, quoted
// line breaks included; the delimiter is the more frequent of comma and
// semicolon in the header. A quoted field that does not end within
// Options.MaxLine, or goes on after its end, costs its own line only. In TSV a
// line break always ends a record. \N is null.
//
// parquet is a table with webrequest's columns, one file or the files of a
// partitioned folder, compressed with snappy, gzip or zstd. Row groups are read
// by several workers at once, and Log.Only keeps columns that nobody looks at
// from being decoded. dt may be text, a number, or a timestamp (INT96 too). A
// "line" is a row, TooLong one whose texts together are longer than
// Options.MaxLine; a rejected row is handed on as a JSON object, up to ten
// thousand for each row group. Nested columns are passed over. Every size that
// the file claims is checked before room is made for it: metadata up to 16 MiB,
// a page up to 128 MiB and 16 Mi values. Memory is a page and a dictionary of
// each column and worker.
//
// # Which field is which column
//
// Several names are known for each column; the first one that the log has is
// read, and Options.Mapping overrides it. Method, path and query are taken
// from fields of their own; else from a request line; else from a target with
// path and query. Request.Authority is that of an absolute target; uri_host
// stays as logged. Request.Nulls are the fields that are null, or that a line
// lacks, as against those that are empty. Columns are settled by the sample: a field that first
// comes after it is not read, and a column is available for the whole file or
// not at all.
//
// # What was decided
//
//   - Times from 1990 up to, not including, 2100; outside them time_out_of_range.
//     A time without a zone is UTC. Numbers are seconds, milli-, micro- or
//     nanoseconds, as their size tells. Second 60 is the next minute's start.
//   - dt null, "" or "-" is missing_time: caches write it for requests that
//     timed out.
//   - A client address of "", "-" or "unknown" is missing_ip; one that is a name,
//     has a port or an IPv6 zone is bad_ip. IPv4-mapped IPv6 is IPv4.
//   - A size of "-" is 0, a null none; one that is negative, not whole or beyond
//     64 bits is bad_size.
//   - A status is up to three digits, "-", HAProxy's "-1", or missing; else
//     bad_status. In text formats, where the status shows where the request
//     ends, the line is a bad_line.
//   - Lines longer than Options.MaxLine are too_long and passed over.
//   - Blank lines, lines that begin with "#", and the header are skipped. So is a
//     byte order mark at the start of the file. A carriage return before the
//     line break is dropped, and in front of a line NUL bytes and, except in
//     CSV and TSV, blanks. NUL bytes and bytes that are not UTF-8 elsewhere in a
//     text line are kept.
//   - A line without a line break at the end of the file counts; the unfinished
//     line at the end of a truncated compressed file does not.
//   - gzip, also of several members, and zstd are known by content, not by name.
//     Others are refused by name. What follows a gzip member must be another.
//
// The package derives nothing (see featurestore/webrequest) and writes
// nothing. Errors name the file and the line, never an address in it.
package accesslog
