package main

// random is the generator that all programs of the bench share: xorshift64*.
type random uint64

func newRandom(seed uint64) random {
	return random((seed+1)*0x9E3779B97F4A7C15 | 1)
}

func (r *random) draw() uint64 {
	*r ^= *r >> 12
	*r ^= *r << 25
	*r ^= *r >> 27
	return uint64(*r) * 0x2545F4914F6CDD1D
}

// below gives a number below limit, which is at most 1<<32.
func (r *random) below(limit uint64) uint64 {
	return (r.draw() >> 32) * limit >> 32
}
