package main

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// histogram counts values by size with 64 steps to each doubling, as the kit's.
type histogram struct {
	counts [(64 - steps + 1) << steps]uint64
	total  uint64
	max    uint64
}

const steps = 6

func (h *histogram) record(value uint64) {
	shift := max(bits.Len64(value)-steps-1, 0)
	h.counts[shift<<steps+int(value>>shift)]++
	h.total++
	h.max = max(h.max, value)
}

// middle gives a value in the middle of a bucket.
func middle(at int) uint64 {
	if at < 2<<steps {
		return uint64(at)
	}
	shift := at>>steps - 1
	return uint64(at&(1<<steps-1)|1<<steps)<<shift + 1<<shift/2
}

func (h *histogram) quantile(q float64) uint64 {
	rank := max(uint64(math.Ceil(q*float64(h.total))), 1)
	var seen uint64
	for at, count := range h.counts {
		if seen += count; seen >= rank {
			return min(middle(at), h.max)
		}
	}
	return h.max
}

// report prints quantiles, maximum and the histogram itself, in microseconds of
// values that are nanoseconds.
func (h *histogram) report(name string, percents ...float64) {
	for _, percent := range percents {
		metric(fmt.Sprintf("%s_p%v", name, percent), float64(h.quantile(percent/100))/1e3, "us")
	}
	metric(name+"_max", float64(h.max)/1e3, "us")
	var line strings.Builder
	for at, count := range h.counts {
		if count > 0 {
			line.WriteString(" " + strconv.FormatFloat(float64(middle(at))/1e3, 'f', 4, 64) + ":" + strconv.FormatUint(count, 10))
		}
	}
	fmt.Printf("histogram %s us%s\n", name, line.String())
}
