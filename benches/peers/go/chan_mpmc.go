package main

import (
	"sync"
	"time"
)

// chanMpmc (S5): eight goroutines send a million numbers each over one channel
// with room for 128; eight others share them and add them up.
func chanMpmc() {
	const producers, consumers = 8, 8
	items := size(8_000_000, 160_000)
	share := items / producers
	c := make(chan uint64, 128)
	var sending, receiving sync.WaitGroup
	var sums [consumers]uint64

	start := time.Now()
	for producer := range producers {
		sending.Go(func() {
			for item := producer * share; item < (producer+1)*share; item++ {
				c <- uint64(item)
			}
		})
	}
	for consumer := range consumers {
		receiving.Go(func() {
			var sum uint64
			for item := range c {
				sum += item
			}
			sums[consumer] = sum
		})
	}
	sending.Wait()
	close(c)
	receiving.Wait()
	elapsed := time.Since(start)

	var sum uint64
	for _, part := range sums {
		sum += part
	}
	verify("sum of the items", int(sum), items*(items-1)/2)
	metric("chan_mpmc", perOp(elapsed, items), "ns/item")
}
