package main

import (
	"fmt"
	"time"
)

// latencyNode has 64 bytes.
type latencyNode struct {
	number  uint64
	next    *latencyNode
	padding [6]uint64
}

// gcLatency (M4) replaces random nodes of a large table for ten seconds; how long
// each replacement takes is noted.
func gcLatency() {
	slots := size(4<<20, 64<<10)
	table := make([]*latencyNode, slots)
	for number := range table {
		table[number] = &latencyNode{number: uint64(number)}
	}

	r := newRandom(1)
	var taken histogram
	start := time.Now()
	end := time.Duration(size(10_000, 300)) * time.Millisecond
	// The time since the start reads one clock; time.Now would read two.
	for last := time.Duration(0); last < end; {
		slot := r.below(uint64(slots))
		table[slot] = &latencyNode{number: slot}
		now := time.Since(start)
		taken.record(uint64(now - last))
		last = now
	}
	elapsed := time.Since(start)

	for number, node := range table {
		if node.number != uint64(number) {
			fail(fmt.Sprintf("slot %d does not hold its node", number))
		}
	}
	taken.report("gc_latency", 50, 99, 99.9, 99.99)
	metric("gc_latency_ops", float64(taken.total)/elapsed.Seconds(), "ops/s")
}
