package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// spawnJoin (S1) starts a million empty goroutines in batches of a thousand
// and waits for each batch. An uncounted batch before it checks that the
// waiting waits; the timed tasks do nothing at all.
func spawnJoin() {
	const batch = 1000
	total := size(1_000_000, 20_000)
	var wg sync.WaitGroup

	var ran atomic.Int64
	wg.Add(batch)
	for range batch {
		go func() {
			ran.Add(1)
			wg.Done()
		}()
	}
	wg.Wait()
	verify("number of tasks that ran", int(ran.Load()), batch)

	start := time.Now()
	for range total / batch {
		wg.Add(batch)
		for range batch {
			go wg.Done()
		}
		wg.Wait()
	}
	metric("spawn_join", perOp(time.Since(start), total), "ns/task")
}
