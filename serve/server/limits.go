package server

import (
	"context"
	"math"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"sluice/featurestore/fault"
)

// Limits bound what one caller may use; 0 is no limit. Without a token file all
// callers of the machine are one.
type Limits struct {
	Rows       int           // rows scored and addresses looked up in batches, a second
	Bytes      int64         // of requests and answers, a second
	Calls      int           // at a time, streams included
	CallTime   time.Duration // from a call's arrival to its answer
	StreamTime time.Duration // a stream, or the download of a feed
}

// Defaults of Limits.
const (
	DefaultCalls      = 512
	DefaultCallTime   = 30 * time.Second
	DefaultStreamTime = time.Hour
)

// burst is how many seconds' worth may be used at once.
const burst = 2

// bucket fills by rate a second, up to burst seconds' worth. What is taken may
// drive it below 0, so that a call of any size is let in once; then nobody is
// until the debt is filled. A rate of 0 is no limit.
type bucket struct {
	rate  float64
	mu    sync.Mutex
	level float64
	at    time.Time // of level; zero: full
}

// fill brings level to now.
func (b *bucket) fill(now time.Time) {
	if b.at.IsZero() {
		b.level = b.rate * burst
	} else if d := now.Sub(b.at).Seconds(); d > 0 {
		b.level = min(b.level+d*b.rate, b.rate*burst)
	}
	b.at = now
}

// take takes n unless the bucket is empty; then it says how long to wait.
func (b *bucket) take(n float64, now time.Time) (wait time.Duration) {
	if b.rate <= 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	if b.level <= 0 {
		return time.Duration((1 - b.level) / b.rate * float64(time.Second))
	}
	b.level -= n
	return 0
}

// charge takes n of what was used already.
func (b *bucket) charge(n float64, now time.Time) {
	if b.rate <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	b.level -= n
}

// call is what is known of a call while it lasts; it stands in its context.
type call struct {
	caller *caller // nil: nobody in particular
	cancel context.CancelFunc
}

type callKey struct{}

// callOf is the call of a context, or nil.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// callerOf is who calls, or nil where nobody has to say.
func callerOf(ctx context.Context) *caller {
	if c := callOf(ctx); c != nil {
		return c.caller
	}
	return nil
}

// spendRows takes n rows from what the caller may have scored or looked up.
// Errors: Exhausted, with the time to wait.
func spendRows(ctx context.Context, n int) error {
	c := callerOf(ctx)
	if c == nil {
		return nil
	}
	if wait := c.rows.take(float64(n), time.Now()); wait > 0 {
		return errLimit("rows", wait, "%s may have %d rows a second; wait %v", c.name, c.limits.Rows, wait.Round(time.Millisecond))
	}
	return nil
}

// begin counts a call in; the answer's end counts it out. Errors: Exhausted.
func (c *caller) begin(now time.Time) error {
	if c == nil {
		return nil
	}
	if n := c.calls.Add(1); c.limits.Calls > 0 && n > int64(c.limits.Calls) {
		c.calls.Add(-1)
		return errLimit("calls", time.Second, "%s may have %d calls at a time; end some of them first", c.name, c.limits.Calls)
	}
	if wait := c.bytes.take(0, now); wait > 0 {
		c.calls.Add(-1)
		return errLimit("bytes", wait, "%s may send and receive %d bytes a second; wait %v", c.name, c.limits.Bytes, wait.Round(time.Millisecond))
	}
	return nil
}

func (c *caller) end() {
	if c != nil {
		c.calls.Add(-1)
	}
}

// errLimit is the refusal of a call for what its caller used already.
func errLimit(limit string, wait time.Duration, format string, args ...any) error {
	err := fault.New(fault.Exhausted, format, args...)
	st := newStatus(codes.ResourceExhausted, fault.Exhausted.String(), "", err.Error())
	if with, e := st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}); e == nil {
		st = with
	}
	return &limitError{statusError{st: st}, limit, wait}
}

// limitError is a refusal that passes by itself.
type limitError struct {
	statusError
	limit string
	wait  time.Duration
}

func (e *limitError) Unwrap() error { return &e.statusError }

// seconds is the wait as Retry-After has it.
func (e *limitError) seconds() int { return max(1, int(math.Ceil(e.wait.Seconds()))) }
