package main

import "time"

// chanSpsc (S4): one goroutine sends ten million numbers over a channel with
// room for 128 to another, which adds them up.
func chanSpsc() {
	items := size(10_000_000, 200_000)
	c := make(chan uint64, 128)

	start := time.Now()
	go func() {
		for item := range uint64(items) {
			c <- item
		}
		close(c)
	}()
	var sum uint64
	for item := range c {
		sum += item
	}
	elapsed := time.Since(start)

	verify("sum of the items", int(sum), items*(items-1)/2)
	metric("chan_spsc", perOp(elapsed, items), "ns/item")
}
