package server

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	pb "sluice/proto/sluice/v1"
)

// audit writes who asked for what, a JSON object a line. Addresses are masked
// unless it was told otherwise. A nil audit writes nothing.
type audit struct {
	path  string
	whole bool // addresses as they are
	log   *slog.Logger

	mu   sync.Mutex
	file *os.File
}

// newAudit opens the file at path, to append to; "" is no audit log.
func newAudit(path string, whole bool) (*audit, error) {
	if path == "" {
		return nil, nil
	}
	a := &audit{path: path, whole: whole}
	if err := a.open(); err != nil {
		return nil, err
	}
	a.log = slog.New(slog.NewJSONHandler(a, nil))
	return a, nil
}

func (a *audit) open() error {
	f, err := os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.Field(fault.Invalid, "audit", "--audit: %w", err)
	}
	a.file = f
	return nil
}

// Write appends one line.
func (a *audit) Write(b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file.Write(b)
}

// refresh opens the file anew where it was moved away.
func (a *audit) refresh() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now, err := os.Stat(a.path)
	if err == nil {
		if have, e := a.file.Stat(); e == nil && os.SameFile(now, have) {
			return nil
		}
	}
	old := a.file
	if err := a.open(); err != nil {
		return err
	}
	return old.Close()
}

func (a *audit) close() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file.Close()
}

// record writes one call; about is its subject.
func (a *audit) record(ctx context.Context, c *caller, transport, method string, about []slog.Attr, code codes.Code, took time.Duration) {
	if a == nil || method == "healthz" || method == "readyz" || method == "Check" {
		return
	}
	who := ""
	if c != nil {
		who = c.name
	}
	attrs := []slog.Attr{
		slog.String("caller", who), slog.String("remote", a.remote(ctx)),
		slog.String("transport", transport), slog.String("method", method), slog.String("code", code.String()),
		slog.Duration("took", took),
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "call", append(attrs, about...)...)
}

// remote is the machine that a call came from.
func (a *audit) remote(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok {
		if at, err := netip.ParseAddrPort(p.Addr.String()); err == nil {
			return a.address(at.Addr())
		}
	}
	if remote, ok := ctx.Value(remoteKey{}).(string); ok {
		if at, err := netip.ParseAddrPort(remote); err == nil {
			return a.address(at.Addr())
		}
	}
	return ""
}

type remoteKey struct{}

func (a *audit) address(ip netip.Addr) string {
	if a.whole || ip.IsLoopback() {
		return ip.Unmap().String()
	}
	return row.Mask(ip)
}

// subject says what a call asked about: its message, or what its path or query
// names. What is no address is not repeated: it may be anything.
func (a *audit) subject(about any) []slog.Attr {
	if a == nil {
		return nil
	}
	named := func(name string) []slog.Attr {
		text := strings.TrimPrefix(name, ipsPrefix)
		if ip, err := netip.ParseAddr(text); err == nil {
			return []slog.Attr{slog.String("subject", a.address(ip))}
		}
		if p, err := netip.ParsePrefix(text); err == nil {
			return []slog.Attr{slog.String("subject", a.prefix(p))}
		}
		return nil
	}
	switch q := about.(type) {
	case string:
		return named(q)
	case *pb.GetIpScoreRequest:
		return named(q.GetName())
	case *pb.ExplainIpRequest:
		return named(q.GetName())
	case *pb.GetPrefixScoresRequest:
		return named(q.GetPrefix())
	case *pb.BatchGetIpScoresRequest:
		return []slog.Attr{slog.Int("addresses", len(q.GetNames()))}
	case *pb.LookupIpsRequest:
		return []slog.Attr{slog.Int("addresses", len(q.GetIps()))}
	case *pb.ScoreRowsRequest:
		return []slog.Attr{slog.Int("rows", len(q.GetValues())/max(1, len(q.GetFeatureNames())))}
	}
	return nil
}

// prefix is a prefix no narrower than what a masked address tells.
func (a *audit) prefix(p netip.Prefix) string {
	bits := 24
	if p.Addr().Is6() {
		bits = 64
	}
	if a.whole || p.Bits() <= bits {
		return p.String()
	}
	wide, _ := p.Addr().Prefix(bits)
	return wide.String()
}
