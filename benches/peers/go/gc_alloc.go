package main

import "time"

const ringSize = 1000

// A pointer and numbers. One type per size, as a program would have them.
type (
	object16 struct {
		before *object16
		words  [1]uint64
	}
	object64 struct {
		before *object64
		words  [7]uint64
	}
	object256 struct {
		before *object256
		words  [31]uint64
	}
	object1024 struct {
		before *object1024
		words  [127]uint64
	}
	object8192 struct {
		before *object8192
		words  [1023]uint64
	}
)

// The rings hold the last objects.
var (
	ring16   [ringSize]*object16
	ring64   [ringSize]*object64
	ring256  [ringSize]*object256
	ring1024 [ringSize]*object1024
	ring8192 [ringSize]*object8192
)

// gcAlloc16 and its like (M1) make many objects of a size; the last thousand stay
// in a ring, every second refers to the one before. They are written out, because
// a generic function would allocate through a dictionary.
func gcAlloc16() {
	n := size(20_000_000, 400_000)
	start := time.Now()
	var before *object16
	for i := range n {
		o := &object16{}
		o.words[0] = uint64(i)
		if i%2 == 1 {
			o.before = before
		}
		ring16[i%ringSize] = o
		before = o
	}
	elapsed := time.Since(start)
	for i := n - ringSize; i < n; i++ {
		verify("number of an object", int(ring16[i%ringSize].words[0]), i)
	}
	metric("gc_alloc_16", perOp(elapsed, n), "ns/alloc")
}

func gcAlloc64() {
	n := size(20_000_000, 400_000)
	start := time.Now()
	var before *object64
	for i := range n {
		o := &object64{}
		o.words[0] = uint64(i)
		if i%2 == 1 {
			o.before = before
		}
		ring64[i%ringSize] = o
		before = o
	}
	elapsed := time.Since(start)
	for i := n - ringSize; i < n; i++ {
		verify("number of an object", int(ring64[i%ringSize].words[0]), i)
	}
	metric("gc_alloc_64", perOp(elapsed, n), "ns/alloc")
}

func gcAlloc256() {
	n := size(20_000_000, 400_000)
	start := time.Now()
	var before *object256
	for i := range n {
		o := &object256{}
		o.words[0] = uint64(i)
		if i%2 == 1 {
			o.before = before
		}
		ring256[i%ringSize] = o
		before = o
	}
	elapsed := time.Since(start)
	for i := n - ringSize; i < n; i++ {
		verify("number of an object", int(ring256[i%ringSize].words[0]), i)
	}
	metric("gc_alloc_256", perOp(elapsed, n), "ns/alloc")
}

func gcAlloc1024() {
	n := size(2_000_000, 40_000)
	start := time.Now()
	var before *object1024
	for i := range n {
		o := &object1024{}
		o.words[0] = uint64(i)
		if i%2 == 1 {
			o.before = before
		}
		ring1024[i%ringSize] = o
		before = o
	}
	elapsed := time.Since(start)
	for i := n - ringSize; i < n; i++ {
		verify("number of an object", int(ring1024[i%ringSize].words[0]), i)
	}
	metric("gc_alloc_1024", perOp(elapsed, n), "ns/alloc")
}

func gcAlloc8192() {
	n := size(2_000_000, 40_000)
	start := time.Now()
	var before *object8192
	for i := range n {
		o := &object8192{}
		o.words[0] = uint64(i)
		if i%2 == 1 {
			o.before = before
		}
		ring8192[i%ringSize] = o
		before = o
	}
	elapsed := time.Since(start)
	for i := n - ringSize; i < n; i++ {
		verify("number of an object", int(ring8192[i%ringSize].words[0]), i)
	}
	metric("gc_alloc_8192", perOp(elapsed, n), "ns/alloc")
}
