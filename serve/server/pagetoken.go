package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/netip"

	"sluice/featurestore/fault"
	"sluice/serve/feed"
)

// A page token says where the next page begins. It is opaque to callers and
// bound to the query it was given for: version, 8 bytes of the query's hash, 8
// bytes of the feed's, the feed's date, the address, and 8 bytes of a hash over
// all that, so that a token that was cut or changed is seen.
const (
	tokenVersion = 1
	tokenHash    = 8
	tokenHead    = 1 + 2*tokenHash + len("2024-08-31")
)

// pageToken is where a page begins.
type pageToken struct {
	feed [tokenHash]byte
	date feed.Date
	from netip.Addr
}

// queryHash identifies what a token is good for.
func queryHash(parts ...string) [tokenHash]byte {
	h := sha256.New()
	for _, p := range parts {
		n := len(p)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write([]byte(p))
	}
	return [tokenHash]byte(h.Sum(nil))
}

// nextToken is the token of the page that begins at from.
func nextToken(query [tokenHash]byte, l *loadedFeed, from netip.Addr) string {
	sum := queryHash(l.FeedSHA256())
	b := []byte{tokenVersion}
	b = append(b, query[:]...)
	b = append(b, sum[:]...)
	b = append(b, l.Date()...)
	b = append(b, from.AsSlice()...)
	check := sha256.Sum256(b)
	return base64.RawURLEncoding.EncodeToString(append(b, check[:tokenHash]...))
}

// parseToken reads a token and holds it against the query.
func parseToken(s string, query [tokenHash]byte) (t pageToken, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < tokenHead+tokenHash+4 || b[0] != tokenVersion {
		return t, fault.Field(fault.Invalid, "page_token", "page_token: not a token of this service; leave it empty for the first page")
	}
	b, check := b[:len(b)-tokenHash], b[len(b)-tokenHash:]
	if sum := sha256.Sum256(b); !bytes.Equal(sum[:tokenHash], check) {
		return t, fault.Field(fault.Invalid, "page_token", "page_token: not a token of this service; leave it empty for the first page")
	}
	if !bytes.Equal(b[1:1+tokenHash], query[:]) {
		return t, fault.Field(fault.Invalid, "page_token", "page_token: it was given for another query; repeat the arguments of the page before, or leave it empty")
	}
	t.feed = [tokenHash]byte(b[1+tokenHash:])
	t.date, err = feed.ParseDate(string(b[1+2*tokenHash : tokenHead]))
	ip, ok := netip.AddrFromSlice(b[tokenHead:])
	if err != nil || !ok {
		return t, fault.Field(fault.Invalid, "page_token", "page_token: not a token of this service; leave it empty for the first page")
	}
	t.from = ip
	return t, nil
}

// pageSize is the page size that a request means.
func pageSize(asked, standard, most int32) (int, error) {
	switch {
	case asked < 0:
		return 0, fault.Field(fault.Invalid, "page_size", "page_size %d: want 0 (the default of %d) or more", asked, standard)
	case asked == 0:
		return int(standard), nil
	}
	return int(min(asked, most)), nil
}
