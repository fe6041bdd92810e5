// Command bench runs one workload of the bench in Go: `bench WORKLOAD [quick]`.
//
// It is the peer that the ratios are taken against, so it is written as
// somebody who knows Go well would write it, on the standard library alone.
// What is said to the program, and what it says, is the same for all systems
// (benches/kit): GOMAXPROCS chooses the processors, `quick` a small piece of the
// work, `--list` names the workloads; standard output carries lines
// `metric NAME VALUE UNIT` and `histogram NAME UNIT VALUE:COUNT ..`; a wrong
// result ends with status 1, an unknown workload with status 2.
package main

import (
	"fmt"
	"os"
	"time"
)

// workloads maps the names of the bench, in its order, to the functions that do
// the work, verify the result and report the metrics.
var workloads = []struct {
	name string
	run  func()
}{
	{"spawn_join", spawnJoin},
	{"yield", yield},
	{"chan_pingpong", chanPingpong},
	{"chan_spsc", chanSpsc},
	{"chan_mpmc", chanMpmc},
	{"select2", select2},
	{"skynet", skynet},
	{"parked_1m", func() { parked("parked_1m", size(1_000_000, 20_000)) }},
	{"parked_100k", func() { parked("parked_100k", size(100_000, 10_000)) }},
	{"mutex_contended", mutexContended},
	{"prime_sieve", primeSieve},
	{"timers", timers},
	{"hog_latency", hogLatency},
	{"blocking_calls", blockingCalls},
	{"tcp_echo", tcpEcho},
	{"gc_alloc_16", gcAlloc16},
	{"gc_alloc_64", gcAlloc64},
	{"gc_alloc_256", gcAlloc256},
	{"gc_alloc_1024", gcAlloc1024},
	{"gc_alloc_8192", gcAlloc8192},
	{"binary_trees", binaryTrees},
	{"gc_mark", func() { gcMark("gc_mark", size(8<<20, 64<<10), 64) }},
	{"gc_mark_full", func() { gcMark("gc_mark_full", size(16<<20, 128<<10), 1) }},
	{"gc_latency", gcLatency},
	{"gc_goroutines", gcGoroutines},
}

// quick asks for a small piece of the work.
var quick bool

func main() {
	args := os.Args[1:]
	if len(args) == 1 && args[0] == "--list" {
		for _, workload := range workloads {
			fmt.Println(workload.name)
		}
		return
	}
	quick = len(args) == 2 && args[1] == "quick"
	if len(args) == 0 || len(args) > 1 && !quick {
		fmt.Fprintln(os.Stderr, "usage: bench WORKLOAD [quick] | bench --list")
		os.Exit(2)
	}
	for _, workload := range workloads {
		if workload.name == args[0] {
			workload.run()
			return
		}
	}
	fmt.Fprintf(os.Stderr, "bench: unknown workload %q\n", args[0])
	os.Exit(2)
}

// size gives the measured amount of work, or the one of a quick run.
func size(full, small int) int {
	if quick {
		return small
	}
	return full
}

// metric prints one result line.
func metric(name string, value float64, unit string) {
	fmt.Printf("metric %s %.4f %s\n", name, value, unit)
}

// perOp gives nanoseconds per operation.
func perOp(d time.Duration, n int) float64 {
	return float64(d.Nanoseconds()) / float64(n)
}

// millis gives d in milliseconds, with its fraction.
func millis(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1e6
}

// verify ends the program with status 1 where got is not what the workload
// must have computed.
func verify(what string, got, want int) {
	if got != want {
		fail(fmt.Sprintf("%s is %d, must be %d", what, got, want))
	}
}

// fail ends the program with status 1.
func fail(why any) {
	fmt.Fprintln(os.Stderr, "bench:", why)
	os.Exit(1)
}
