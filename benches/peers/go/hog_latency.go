package main

import "time"

// hogs keeps the compiler from dropping what the endless loops compute.
var hogs [2]uint64

// hogLatency (S12): two goroutines compute without end; a third sleeps 1 ms over
// and over and notes how late it wakes.
func hogLatency() {
	const nap = time.Millisecond
	for hog := range hogs {
		go func() {
			sum := uint64(0)
			for {
				if sum = sum*3 + 1; sum == 0 {
					hogs[hog]++
				}
			}
		}()
	}
	var late histogram
	done := make(chan bool)
	go func() {
		for end := time.Now().Add(time.Duration(size(2_000, 200)) * time.Millisecond); time.Now().Before(end); {
			before := time.Now()
			time.Sleep(nap)
			late.record(uint64(max(time.Since(before)-nap, 0)))
		}
		done <- true
	}()
	<-done
	late.report("hog_late", 50, 99)
}
