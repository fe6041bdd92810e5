package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// parked (S8) blocks n goroutines in a receive on one channel, reads how much
// memory they hold, closes the channel and waits for all of them.
func parked(name string, n int) {
	var blocked, woken atomic.Int64
	var wg sync.WaitGroup
	gate := make(chan struct{})
	before := residentBytes()

	start := time.Now()
	wg.Add(n)
	for range n {
		go func() {
			blocked.Add(1)
			<-gate
			woken.Add(1)
			wg.Done()
		}()
	}
	// The spawning ends when the last of them has come to its receive.
	for int(blocked.Load()) < n {
		runtime.Gosched()
	}
	spawned := time.Since(start)

	resident := residentBytes() - before
	verify("number of goroutines", runtime.NumGoroutine(), n+1)

	start = time.Now()
	close(gate)
	wg.Wait()
	waking := time.Since(start)

	verify("number of tasks that woke", int(woken.Load()), n)
	metric(name+"_spawn", perOp(spawned, n), "ns/task")
	metric(name+"_rss", float64(resident)/float64(n), "bytes/task")
	metric(name+"_wake", perOp(waking, n), "ns/task")
}

// residentBytes reads the process's resident memory (VmRSS).
func residentBytes() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	for line := range bytes.Lines(status) {
		if rest, found := bytes.CutPrefix(line, []byte("VmRSS:")); found {
			kib, err := strconv.Atoi(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))))
			if err == nil {
				return kib << 10
			}
		}
	}
	fmt.Fprintln(os.Stderr, "bench: no VmRSS line in /proc/self/status")
	os.Exit(1)
	return 0
}
