package server

import (
	"cmp"
	"container/heap"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"sluice/serve/feed"
)

const (
	topKept    = 500 // addresses ranked
	topBins    = 40  // of the histogram of confidences
	topsKept   = 4   // lists remembered
	topPatient = 2 * time.Second
)

// topList is a feed's most abusive addresses, and how its confidences are
// spread.
type topList struct {
	lines              []feed.Line // by confidence, the highest first, then by address
	abusive, undecided int
	bins               [topBins]int
}

// tops counts and remembers lists. A feed is read through once; that goes on
// in the background where it takes longer than people like to wait.
type tops struct {
	ctx context.Context // ends with the service

	mu   sync.Mutex
	jobs []*topJob // the last used last
}

type topJob struct {
	feed string // its hash
	done chan struct{}
	list *topList
	err  error
}

// of gives a feed's list, or nil while it is being counted.
func (t *tops) of(ctx context.Context, l *loadedFeed) (*topList, error) {
	j := t.job(l)
	timer := time.NewTimer(topPatient)
	defer timer.Stop()
	select {
	case <-j.done:
		return j.list, j.err
	case <-timer.C:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// job finds or starts a feed's count.
func (t *tops) job(l *loadedFeed) *topJob {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := l.FeedSHA256()
	if i := slices.IndexFunc(t.jobs, func(j *topJob) bool { return j.feed == id }); i >= 0 {
		j := t.jobs[i]
		t.jobs = append(slices.Delete(t.jobs, i, i+1), j)
		if !j.failed() {
			return j
		}
		t.jobs = t.jobs[:len(t.jobs)-1]
	}
	j := &topJob{feed: id, done: make(chan struct{})}
	if t.jobs = append(t.jobs, j); len(t.jobs) > topsKept {
		t.jobs = slices.Delete(t.jobs, 0, 1)
	}
	l.refs.Add(1) // the caller holds it, so it is open
	go func() {
		defer l.release()
		defer close(j.done)
		j.list, j.err = countTop(t.ctx, l)
	}()
	return j
}

func (j *topJob) failed() bool {
	select {
	case <-j.done:
		return j.err != nil
	default:
		return false
	}
}

// countTop reads a feed through.
func countTop(ctx context.Context, l *loadedFeed) (*topList, error) {
	t := &topList{}
	var h lineHeap
	c := l.Cursor(netip.Addr{})
	var line feed.Line
	for n := 0; c.Next(&line); n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		switch line.Verdict {
		case feed.Abusive:
			t.abusive++
		case feed.Abstain:
			t.undecided++
		}
		t.bins[min(int(line.Confidence*topBins), topBins-1)]++
		if len(h) < topKept {
			heap.Push(&h, cloneLine(&line))
		} else if byConfidence(&line, &h[0]) < 0 {
			h[0] = cloneLine(&line)
			heap.Fix(&h, 0)
		}
	}
	t.lines = h
	slices.SortFunc(t.lines, func(a, b feed.Line) int { return byConfidence(&a, &b) })
	return t, c.Err()
}

func cloneLine(l *feed.Line) feed.Line {
	c := *l
	c.Reasons, c.Windows = slices.Clone(l.Reasons), slices.Clone(l.Windows)
	return c
}

// byConfidence orders the highest confidence first, then by address.
func byConfidence(a, b *feed.Line) int {
	if c := cmp.Compare(b.Confidence, a.Confidence); c != 0 {
		return c
	}
	return a.IP.Compare(b.IP)
}

// lineHeap has the least abusive line on top.
type lineHeap []feed.Line

func (h lineHeap) Len() int           { return len(h) }
func (h lineHeap) Less(i, j int) bool { return byConfidence(&h[i], &h[j]) > 0 }
func (h lineHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lineHeap) Push(x any)        { *h = append(*h, x.(feed.Line)) }

func (h *lineHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
