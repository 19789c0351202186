package server

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"time"

	"google.golang.org/grpc"

	"sluice/featurestore/fault"
	pb "sluice/proto/sluice/v1"
	"sluice/serve/feed"
)

// exportChunk is the size of the pieces in which ExportFeed sends a file.
const exportChunk = 64 << 10

// ExportFeed streams a feed's descriptor and file.
func (s *service) ExportFeed(q *pb.ExportFeedRequest, stream grpc.ServerStreamingServer[pb.ExportFeedResponse]) error {
	l, err := s.feeds.named(stream.Context(), q.GetName())
	if err != nil {
		return err
	}
	defer l.release()
	if q.GetOffset() < 0 || q.GetOffset() > l.FeedSize() {
		return fault.Field(fault.Invalid, "offset", "offset %d: the file has %d bytes", q.GetOffset(), l.FeedSize())
	}
	if err := stream.Send(&pb.ExportFeedResponse{Part: &pb.ExportFeedResponse_Feed{Feed: feedMessage(l)}}); err != nil || q.GetDescriptorOnly() {
		return err
	}
	f, err := s.feeds.feeds.OpenFile(l.Date())
	if err != nil {
		return err
	}
	defer f.Close()
	// The file may have been replaced since the feed was loaded.
	if st, err := f.Stat(); err != nil || st.Size() != l.FeedSize() {
		return fault.New(fault.Unavailable, "the feed of %s is being replaced; ask again", l.Date())
	}
	if _, err := f.Seek(q.GetOffset(), io.SeekStart); err != nil {
		return err
	}
	buf := make([]byte, exportChunk)
	for {
		n, err := io.ReadFull(f, buf)
		if n > 0 {
			if err := stream.Send(&pb.ExportFeedResponse{Part: &pb.ExportFeedResponse_Chunk{Chunk: buf[:n]}}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// feedMessage is a feed's descriptor as the API gives it.
func feedMessage(l *loadedFeed) *pb.Feed {
	d := l.desc
	return &pb.Feed{
		Name: feedsPrefix + string(d.Date), Date: string(d.Date), Location: d.Location,
		GenerateTime: timestamp(d.GeneratedAt), AvailableTime: timestamp(d.AvailableAt),
		Sha256: d.SHA256, RowCount: int32(d.Rows), SizeBytes: l.FeedSize(),
		ModelVersion: d.ModelVersion, SchemaVersion: int32(d.SchemaVersion),
	}
}

// The bounds of a page of changes.
const (
	standardChanges = 1000
	maxChanges      = 10_000
)

// ListFeedChanges lists what makes an older feed into a newer one.
func (s *service) ListFeedChanges(ctx context.Context, q *pb.ListFeedChangesRequest) (*pb.ListFeedChangesResponse, error) {
	size, err := pageSize(q.GetPageSize(), standardChanges, maxChanges)
	if err != nil {
		return nil, err
	}
	if q.GetSince() == "" {
		return nil, fault.Field(fault.Invalid, "since", "since: missing; want the date of the feed you have, as in 2024-08-30")
	}
	since, err := feed.ParseDate(q.GetSince())
	if err != nil {
		return nil, fault.Field(fault.Invalid, "since", "since: want the date of a feed, as in 2024-08-30")
	}
	query := queryHash("ListFeedChanges", q.GetName(), q.GetSince())
	var newer *loadedFeed
	var from netip.Addr
	if q.GetPageToken() == "" {
		newer, err = s.feeds.named(ctx, q.GetName())
	} else {
		// "latest" may mean another feed by now; the token knows which it was.
		newer, from, err = s.page(ctx, q.GetPageToken(), query)
	}
	if err != nil {
		return nil, err
	}
	defer newer.release()
	older, err := s.feeds.dated(ctx, since)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			err = fault.Field(fault.NotFound, "since", "there is no feed of %s to start from; fetch the whole feed of %s", since, newer.Date())
		}
		return nil, err
	}
	defer older.release()
	r := s.rulings.at(time.Now())
	a := &pb.ListFeedChangesResponse{}
	err = feed.Diff(ctx, older.Index, newer.Index, from, func(c feed.Change) bool {
		if len(a.Changes) == size {
			a.NextPageToken = nextToken(query, newer, c.IP)
			return false
		}
		m := &pb.FeedChange{Ip: c.IP.String(), Kind: changeKind(c.Kind)}
		if c.Line != nil {
			m.IpScore = r.score(c.Line, r.check(ctx, c.IP, ""))
		}
		a.Changes = append(a.Changes, m)
		return true
	})
	return a, err
}

func changeKind(k feed.ChangeKind) pb.FeedChange_Kind {
	switch k {
	case feed.Added:
		return pb.FeedChange_KIND_ADDED
	case feed.Changed:
		return pb.FeedChange_KIND_CHANGED
	case feed.Removed:
		return pb.FeedChange_KIND_REMOVED
	}
	return pb.FeedChange_KIND_UNSPECIFIED
}
