package main

import (
	"runtime"
	"sync"
	"time"
)

// yield (S2) lets two goroutines give way to each other, five million times
// each.
func yield() {
	each := size(5_000_000, 100_000)
	var wg sync.WaitGroup
	var done [2]int

	start := time.Now()
	for task := range done {
		wg.Go(func() {
			n := 0
			for range each {
				runtime.Gosched()
				n++
			}
			done[task] = n
		})
	}
	wg.Wait()
	elapsed := time.Since(start)

	verify("number of yields", done[0]+done[1], 2*each)
	metric("yield", perOp(elapsed, 2*each), "ns/yield")
}
