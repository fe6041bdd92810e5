package main

import "time"

// primeSieve (S10): a chain of filters, one goroutine per prime, each passing on
// over an unbuffered channel what its prime does not divide.
func primeSieve() {
	start := time.Now()
	c := make(chan int)
	go func(c chan<- int) {
		for i := 2; ; i++ {
			c <- i
		}
	}(c)
	prime := 0
	for range size(2_000, 200) {
		prime = <-c
		next := make(chan int)
		go filter(c, next, prime)
		c = next
	}
	elapsed := time.Since(start)

	verify("last prime", prime, size(17_389, 1_223))
	metric("prime_sieve", millis(elapsed), "ms")
}

func filter(in <-chan int, out chan<- int, prime int) {
	for i := range in {
		if i%prime != 0 {
			out <- i
		}
	}
}
