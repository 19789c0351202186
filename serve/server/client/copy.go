package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// Copy is a copy of the service's feed that an ingestion job keeps. The zero
// value is empty. It is used by one goroutine.
type Copy struct {
	// Date is the feed's date; "" while there is none.
	Date feed.Date
	// Lines are the feed's lines by address.
	Lines map[netip.Addr]feed.Line

	sha256  string
	expires time.Time // when the last of the scores runs out
}

// Known is what a copy knows of an address.
type Known int

// The answers of Copy.Lookup, which are never to be taken for each other: of an
// address that is Expired or Unavailable nothing is known, good or bad.
const (
	// Unavailable: there is no feed yet.
	Unavailable Known = iota
	// Unknown: the feed does not hold the address.
	Unknown
	// Expired: its score has run out, or all scores have, so that not to be
	// among them tells nothing either.
	Expired
	// Scored: there is a score that can be used.
	Scored
)

// Lookup gives the line of an address and what it is worth at an instant; an
// Expired line is not given.
func (c *Copy) Lookup(ip netip.Addr, now time.Time) (feed.Line, Known) {
	ip = ip.Unmap()
	l, held := c.Lines[ip]
	switch {
	case c.Date == "":
		return feed.Line{}, Unavailable
	case held && !l.Expired(now):
		return l, Scored
	case held || !c.expires.IsZero() && !now.Before(c.expires):
		return feed.Line{}, Expired
	}
	return feed.Line{}, Unknown
}

// String is "unavailable", "unknown", "expired" or "scored".
func (k Known) String() string {
	if k < Unavailable || k > Scored {
		return "known(" + strconv.Itoa(int(k)) + ")"
	}
	return [...]string{"unavailable", "unknown", "expired", "scored"}[k]
}

// Sync brings the copy to the service's newest feed: by the differences where
// the service still holds the feed that the copy is of, else by fetching the
// feed whole. A broken download goes on where it broke; what arrives is held
// against the descriptor's rows and SHA-256. After an error the copy is what it
// was before. changed tells whether anything had to be done.
func (c *Client) Sync(ctx context.Context, copied *Copy) (changed bool, err error) {
	d, err := c.descriptor(ctx)
	if err != nil || d.GetDate() == string(copied.Date) && d.GetSha256() == copied.sha256 {
		return false, err
	}
	next := Copy{Date: feed.Date(d.GetDate()), sha256: d.GetSha256()}
	if copied.Date != "" && copied.Date != next.Date {
		next.Lines, err = c.applyChanges(ctx, copied, d)
	}
	// Without the older feed there, or if it was replaced since, from scratch.
	if next.Lines == nil || err != nil || len(next.Lines) != int(d.GetRowCount()) {
		if next.Lines, err = c.fetch(ctx, d); err != nil {
			return false, err
		}
	}
	for _, l := range next.Lines {
		if l.ExpiresAt.After(next.expires) {
			next.expires = l.ExpiresAt
		}
	}
	if len(next.Lines) == 0 { // as one of scores would
		next.expires = d.GetGenerateTime().AsTime().Add(feed.DefaultTTL)
	}
	*copied = next
	return true, nil
}

// descriptor is the newest feed's.
func (c *Client) descriptor(ctx context.Context) (*pb.Feed, error) {
	ctx, cancel := context.WithTimeout(ctx, DefaultTimeout)
	defer cancel()
	stream, err := c.ExportFeed(ctx, &pb.ExportFeedRequest{Name: "feeds/latest", DescriptorOnly: true})
	if err != nil {
		return nil, err
	}
	m, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if m.GetFeed() == nil {
		return nil, errors.New("the export does not begin with a descriptor")
	}
	return m.GetFeed(), nil
}

// applyChanges applies the differences to a copy of the copy. nil lines mean
// that the service can't tell them.
func (c *Client) applyChanges(ctx context.Context, from *Copy, d *pb.Feed) (map[netip.Addr]feed.Line, error) {
	lines := make(map[netip.Addr]feed.Line, len(from.Lines))
	for ip, l := range from.Lines {
		lines[ip] = l
	}
	q := &pb.ListFeedChangesRequest{Name: d.GetName(), Since: string(from.Date), PageSize: 10_000}
	for {
		a, err := c.ListFeedChanges(ctx, q)
		switch status.Code(err) {
		case codes.OK:
		case codes.NotFound, codes.Aborted:
			return nil, nil
		default:
			return nil, err
		}
		for _, change := range a.GetChanges() {
			ip, err := netip.ParseAddr(change.GetIp())
			if err != nil {
				return nil, err
			}
			if change.GetKind() == pb.FeedChange_KIND_REMOVED {
				delete(lines, ip)
				continue
			}
			l, err := Line(change.GetIpScore())
			if err != nil {
				return nil, err
			}
			lines[ip] = l
		}
		if q.PageToken = a.GetNextPageToken(); q.PageToken == "" {
			return lines, nil
		}
	}
}

// fetchTries is how often a broken download goes on before it is given up.
const fetchTries = 8

// fetch downloads a feed whole.
func (c *Client) fetch(ctx context.Context, d *pb.Feed) (map[netip.Addr]feed.Line, error) {
	var b bytes.Buffer
	var err error
	for try := range fetchTries {
		if try > 0 {
			select {
			case <-time.After(time.Duration(try) * 100 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if err = c.fetchFrom(ctx, d, &b); status.Code(err) != codes.Unavailable {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b.Bytes()); hex.EncodeToString(sum[:]) != d.GetSha256() {
		return nil, fault.New(fault.Corrupt, "the feed of %s does not match its SHA-256", d.GetDate())
	}
	r, err := feed.NewReader(&b, d.GetLocation())
	if err != nil {
		return nil, err
	}
	lines := make(map[netip.Addr]feed.Line, d.GetRowCount())
	for {
		var l feed.Line
		err := r.Next(&l)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		lines[l.IP] = l
	}
}

// fetchFrom appends what is missing of the file to b.
func (c *Client) fetchFrom(ctx context.Context, d *pb.Feed, b *bytes.Buffer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.ExportFeed(ctx, &pb.ExportFeedRequest{Name: d.GetName(), Offset: int64(b.Len())})
	if err != nil {
		return err
	}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if f := m.GetFeed(); f != nil && f.GetSha256() != d.GetSha256() {
			return status.Error(codes.Aborted, "the feed was replaced while it was fetched; begin again")
		}
		b.Write(m.GetChunk())
	}
}
