package main

import "time"

// skynet (S7) is a tree of goroutines, ten children to a node and a million
// leaves; each node sums what its children send over one channel.
func skynet() {
	leaves := size(1_000_000, 10_000)

	start := time.Now()
	root := make(chan int, 1)
	go skynetNode(root, 0, leaves)
	sum := <-root
	elapsed := time.Since(start)

	verify("sum of the leaves", sum, leaves*(leaves-1)/2)
	metric("skynet", millis(elapsed), "ms")
}

// skynetNode sends the sum of the leaves first .. first+size to parent.
func skynetNode(parent chan<- int, first, size int) {
	const fan = 10
	if size == 1 {
		parent <- first
		return
	}
	// Room for every child, so that none of them has to wait for us.
	results := make(chan int, fan)
	for child := range fan {
		go skynetNode(results, first+child*(size/fan), size/fan)
	}
	sum := 0
	for range fan {
		sum += <-results
	}
	parent <- sum
}
