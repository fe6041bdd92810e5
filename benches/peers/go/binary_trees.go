package main

import (
	"sync"
	"time"
)

// tree is a node of the benchmarks game's binary trees: two pointers, nothing
// else.
type tree struct{ left, right *tree }

func bottomUp(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{bottomUp(depth - 1), bottomUp(depth - 1)}
}

// count walks the tree and gives its number of nodes.
func (t *tree) count() int {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

// nodes is the number of nodes of a full tree.
func nodes(depth int) int { return 1<<(depth+1) - 1 }

// binaryTrees (M2) is the benchmarks game's binary_trees with depth 18: one
// tree a level deeper that is dropped at once, one that lives all the time, and
// many short-lived ones of depths 4, 6 .. 18, each depth in its own goroutine.
func binaryTrees() {
	const minDepth, deepest = 4, 18
	maxDepth := size(deepest, 10)
	start := time.Now()

	stretch := bottomUp(maxDepth + 1).count()
	longLived := bottomUp(maxDepth)

	var sums [deepest + 1]int
	var wg sync.WaitGroup
	for depth := minDepth; depth <= maxDepth; depth += 2 {
		wg.Go(func() {
			sum := 0
			for range 1 << (maxDepth - depth + minDepth) {
				sum += bottomUp(depth).count()
			}
			sums[depth] = sum
		})
	}
	wg.Wait()
	kept := longLived.count()
	elapsed := time.Since(start)

	verify("nodes of the stretch tree", stretch, nodes(maxDepth+1))
	verify("nodes of the long-lived tree", kept, nodes(maxDepth))
	for depth := minDepth; depth <= maxDepth; depth += 2 {
		verify("nodes of the short-lived trees", sums[depth], nodes(depth)<<(maxDepth-depth+minDepth))
	}
	metric("binary_trees", millis(elapsed), "ms")
}
