package main

import (
	"runtime"
	"time"
)

// markNode has 64 bytes.
type markNode struct {
	number  uint64
	to      [4]*markNode
	padding [3]uint64
}

// gcMark (M3) makes many nodes with pointers to random earlier ones, keeps a table
// of every step-th, and forces five collections.
func gcMark(name string, nodes, step int) {
	const collections = 5
	table := buildNodes(nodes, step)
	// What only the building needed goes first.
	runtime.GC()

	start := time.Now()
	for range collections {
		runtime.GC()
	}
	each := millis(time.Since(start)) / collections

	sum := 0
	for _, node := range table {
		for _, next := range node.to {
			if next != nil && next.number >= node.number {
				fail("a pointer does not lead to an earlier node")
			}
		}
		sum += int(node.number)
	}
	rooted := nodes / step
	verify("sum of the rooted nodes", sum, step*(rooted*(rooted-1)/2))
	metric(name, each, "ms/collection")
	// What the rooted nodes lead to: the same graph in every program.
	reachable := nodes
	if step > 1 {
		reachable = size(3_266_520, 25_642)
	}
	metric(name+"_rate", float64(reachable*64)/each/1e3, "MB/s")
}

func buildNodes(nodes, step int) []*markNode {
	all := make([]*markNode, nodes)
	r := newRandom(1)
	for number := range all {
		node := &markNode{number: uint64(number)}
		if number > 0 {
			for at := range node.to {
				node.to[at] = all[r.below(uint64(number))]
			}
		}
		all[number] = node
	}
	if step == 1 {
		return all
	}
	table := make([]*markNode, nodes/step)
	for at := range table {
		table[at] = all[at*step]
	}
	return table
}
