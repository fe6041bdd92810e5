// Command bench runs one workload of the bench in Go: `bench WORKLOAD`.
//
// It is the peer that the ratios are taken against, so it is written as
// somebody who knows Go well would write it, on the standard library alone.
// Processors are chosen by GOMAXPROCS in the environment. Standard output
// carries one line per metric, `metric NAME VALUE UNIT`; a workload whose
// result is wrong says so on standard error and ends with status 1; an unknown
// workload ends with status 2.
package main

import (
	"fmt"
	"os"
	"time"
)

// workloads maps a name of the bench to the function that does its work,
// verifies the result and reports the metrics.
var workloads = map[string]func(){
	"spawn_join":    spawnJoin,
	"yield":         yield,
	"chan_pingpong": chanPingpong,
	"skynet":        skynet,
	"parked_1m":     func() { parked("parked_1m", 1_000_000) },
	"parked_100k":   func() { parked("parked_100k", 100_000) },
	"binary_trees":  binaryTrees,
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bench WORKLOAD")
		os.Exit(2)
	}
	run, known := workloads[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "bench: unknown workload %q\n", os.Args[1])
		os.Exit(2)
	}
	run()
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
		fmt.Fprintf(os.Stderr, "bench: %s is %d, must be %d\n", what, got, want)
		os.Exit(1)
	}
}
