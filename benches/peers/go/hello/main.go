// The whole life of a small process (B1): start, one goroutine that says
// hello, exit. It is a package of its own so that the program holds nothing
// else; the bench measures it from outside (wall time and peak memory).
package main

import "fmt"

func main() {
	done := make(chan struct{})
	go func() {
		fmt.Println("hello")
		close(done)
	}()
	<-done
}
