package main

import (
	"sync"
	"syscall"
	"time"
)

// timers (S11): a hundred thousand goroutines sleep ten times, 1 to 10 ms each;
// how late each wakes is noted.
func timers() {
	const sleeps = 10
	tasks := size(100_000, 2_000)
	// A place for each sleep, touched before: noting costs a store.
	late := make([]uint64, tasks*sleeps)
	for at := range late {
		late[at] = ^uint64(0)
	}
	var wg sync.WaitGroup

	start, cpu := time.Now(), processorTime()
	wg.Add(tasks)
	for task := range tasks {
		go func() {
			r := newRandom(uint64(task))
			for at := range sleeps {
				nap := time.Duration(1000+r.below(9001)) * time.Microsecond
				before := time.Now()
				time.Sleep(nap)
				late[task*sleeps+at] = uint64(max(time.Since(before)-nap, 0))
			}
			wg.Done()
		}()
	}
	wg.Wait()
	wall, cpu := time.Since(start), processorTime()-cpu

	var h histogram
	for _, nanos := range late {
		if nanos != ^uint64(0) {
			h.record(nanos)
		}
	}
	verify("number of sleeps", int(h.total), tasks*sleeps)
	metric("timers_wall", millis(wall), "ms")
	metric("timers_cpu", millis(cpu), "ms")
	h.report("timers_late", 50, 99)
}

// processorTime is what this process has used, user and system together.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
