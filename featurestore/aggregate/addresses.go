package aggregate

import (
	"context"
	"io"
	"net/netip"
	"sync"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// ScanAddresses calls yield for the address of each record of a month (0: of
// all) in partial files, in no order and from several goroutines, which it
// numbers from 0. Errors: Corrupt, Version, Interrupted.
func ScanAddresses(ctx context.Context, paths []string, month row.Month, goroutines int, yield func(goroutine int, ip netip.Addr)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, path := range paths {
		if err := scanAddresses(ctx, cancel, path, month, goroutines, yield); err != nil {
			return err
		}
	}
	return nil
}

func scanAddresses(ctx context.Context, cancel context.CancelCauseFunc, path string, month row.Month, goroutines int, yield func(int, netip.Addr)) error {
	r, f, err := OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	work := make(chan int)
	var wg sync.WaitGroup
	for n := range max(1, goroutines) {
		wg.Go(func() {
			own := &Reader{r: r.r, name: r.name, head: r.head, end: r.end}
			for i := range work {
				own.Seek(i, i+1)
				if err := own.addresses(ctx, func(ip netip.Addr) { yield(n, ip) }); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range r.head.Windows {
		if month == 0 || r.head.Windows[i].Month == month {
			work <- i
		}
	}
	close(work)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		if fault.KindOf(err) == fault.Unknown {
			err = fault.As(fault.Interrupted, err)
		}
		return err
	}
	return nil
}

// addresses are those of all records that were sought. Since format 5 they stand
// together, before records that are not looked at.
func (p *Reader) addresses(ctx context.Context, yield func(netip.Addr)) error {
	for ctx.Err() == nil {
		if p.head.FormatVersion < 5 {
			rec, err := p.Next()
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			yield(rec.IP)
			continue
		}
		switch more, err := p.begin(); {
		case err != nil:
			return err
		case !more:
			return nil
		}
		if n := int64(len(p.d.four)/4 + len(p.d.six)/16); n > p.left {
			return p.corrupt("window %d has more records than its header says", p.window)
		}
		for len(p.d.four)+len(p.d.six) > 0 {
			if !p.d.nextAddress(&p.rec) {
				return p.corrupt("window %d: %v", p.window, errRecord)
			}
			if err := p.inOrder(); err != nil {
				return err
			}
			yield(p.rec.IP)
			p.left--
		}
		p.d.b = nil
	}
	return nil
}
