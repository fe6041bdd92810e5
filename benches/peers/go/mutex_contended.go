package main

import (
	"sync"
	"time"
)

// mutexContended (S9): 64 goroutines lock one mutex, add one, unlock, 100,000
// times each.
func mutexContended() {
	const tasks = 64
	locks := size(100_000, 2_000)
	var mutex sync.Mutex
	var wg sync.WaitGroup
	count := 0

	start := time.Now()
	for range tasks {
		wg.Go(func() {
			for range locks {
				mutex.Lock()
				count++
				mutex.Unlock()
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)

	verify("number of locks", count, tasks*locks)
	metric("mutex_contended", perOp(elapsed, tasks*locks), "ns/op")
}
