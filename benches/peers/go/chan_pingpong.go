package main

import "time"

// chanPingpong (S3) sends a number there and back over two unbuffered
// channels, a million times; the far side adds one to it.
func chanPingpong() {
	rounds := size(1_000_000, 20_000)
	ping, pong := make(chan int), make(chan int)

	go func() {
		for v := range ping {
			pong <- v + 1
		}
	}()

	start := time.Now()
	v := 0
	for range rounds {
		ping <- v
		v = <-pong
	}
	elapsed := time.Since(start)
	close(ping)

	verify("number that came back", v, rounds)
	metric("chan_pingpong", perOp(elapsed, rounds), "ns/roundtrip")
}
