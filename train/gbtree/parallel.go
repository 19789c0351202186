package gbtree

import "sync/atomic"

// parallel runs work(0) … work(n-1) on up to threads goroutines.
func parallel(threads, n int, work func(i int)) {
	if threads = min(threads, n); threads <= 1 {
		for i := range n {
			work(i)
		}
		return
	}
	var next atomic.Int64
	done := make(chan any, threads)
	run := func() {
		defer func() { done <- recover() }()
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			work(i)
		}
	}
	for range threads - 1 {
		go run()
	}
	run()
	for range threads {
		if r := <-done; r != nil {
			panic(r)
		}
	}
}
