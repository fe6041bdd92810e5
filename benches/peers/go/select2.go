package main

import "time"

// select2 (S6): two goroutines send a million numbers each, on an unbuffered
// channel of their own; a third takes from whichever is ready and adds up.
func select2() {
	items := size(2_000_000, 40_000)
	half := items / 2

	start := time.Now()
	a, b := numbers(half), numbers(half)
	var sum uint64
	for range items {
		select {
		case item := <-a:
			sum += item
		case item := <-b:
			sum += item
		}
	}
	elapsed := time.Since(start)

	verify("sum of the items", int(sum), half*(half-1))
	metric("select2", perOp(elapsed, items), "ns/item")
}

// numbers sends 0, 1, 2 .. from a goroutine of its own.
func numbers(count int) <-chan uint64 {
	c := make(chan uint64)
	go func() {
		for item := range uint64(count) {
			c <- item
		}
	}()
	return c
}
