package main

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// blockingCalls (S13): 200 goroutines make 50 blocking system calls of 1 ms each.
// Go's system calls always say so to the runtime.
func blockingCalls() {
	tasks, calls := size(200, 50), size(50, 5)
	var wg sync.WaitGroup
	var made atomic.Int64

	start := time.Now()
	for range tasks {
		wg.Go(func() {
			for range calls {
				nap := syscall.NsecToTimespec(int64(time.Millisecond))
				for syscall.Nanosleep(&nap, &nap) == syscall.EINTR {
				}
			}
			made.Add(int64(calls))
		})
	}
	wg.Wait()
	elapsed := time.Since(start)

	verify("number of calls", int(made.Load()), tasks*calls)
	metric("blocking_calls", millis(elapsed), "ms")
}
