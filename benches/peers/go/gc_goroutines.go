package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// gcGoroutines (M5) parks a million goroutines and forces one collection, while
// one goroutine watches how long it is held up.
func gcGoroutines() {
	n := size(1_000_000, 20_000)
	var parked atomic.Int64
	gate := make(chan struct{})
	for range n {
		go func() {
			parked.Add(1)
			<-gate
		}()
	}
	for int(parked.Load()) < n {
		runtime.Gosched()
	}
	runtime.GC()

	var watching, done atomic.Bool
	longest := make(chan time.Duration)
	go func() {
		var worst time.Duration
		start := time.Now()
		watching.Store(true)
		for last := time.Duration(0); !done.Load(); {
			now := time.Since(start)
			worst = max(worst, now-last)
			last = now
		}
		longest <- worst
	}()
	for !watching.Load() {
		runtime.Gosched()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	runtime.GC()
	elapsed := time.Since(start)
	done.Store(true)
	worst := <-longest
	runtime.ReadMemStats(&after)

	verify("number of collections", int(after.NumForcedGC-before.NumForcedGC), 1)
	metric("gc_goroutines", millis(elapsed), "ms")
	metric("gc_goroutines_pause", float64(worst.Nanoseconds())/1e3, "us")
	close(gate)
}
