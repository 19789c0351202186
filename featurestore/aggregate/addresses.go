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
			own := &Reader{r: r.r, name: r.name, head: r.head, end: r.end, addresses: true}
			for i := range work {
				own.Seek(i, i+1)
				for ctx.Err() == nil {
					rec, err := own.Next()
					if err == io.EOF {
						break
					} else if err != nil {
						cancel(err)
						break
					}
					yield(n, rec.IP)
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
