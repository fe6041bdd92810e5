/* What the programs of the bench share, for C: the kit in benches/kit says it all. */
#ifndef KIT_H
#define KIT_H

#include <stdbool.h>
#include <stdint.h>

#define GC_THREADS
#include <gc/gc.h>

extern bool quick;
uint64_t size_of_run(uint64_t full, uint64_t small);
unsigned processors(void);
uint64_t nanoseconds(void);
double seconds(void);
void metric(const char *name, double value, const char *unit);
void verify(const char *what, uint64_t got, uint64_t want);
_Noreturn void fail(const char *why);

/* An object of so many bytes, cleared but for its first word, from the caller's own
 * list of free ones, which the library fills a page at a time: no lock and no call
 * for each. The list must be where the collector looks: on the stack, for one. */
static inline void *take(void **list, size_t bytes)
{
	void *object = *list;
	if (__builtin_expect(!object, 0)) {
		object = GC_malloc_many(bytes);
		if (!object)
			fail("no memory");
	}
	*list = GC_NEXT(object);
	return object;
}

/* xorshift64*, the same draws as everywhere. */
struct random_numbers { uint64_t state; };
static inline struct random_numbers random_from(uint64_t seed)
{
	return (struct random_numbers){ (seed + 1) * 0x9E3779B97F4A7C15u | 1 };
}
static inline uint64_t random_below(struct random_numbers *r, uint64_t limit)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return (r->state * 0x2545F4914F6CDD1Du >> 32) * limit >> 32;
}

void binary_trees(void);
void gc_alloc_16(void);
void gc_alloc_64(void);
void gc_alloc_256(void);
void gc_alloc_1024(void);
void gc_alloc_8192(void);
void gc_mark(void);
void gc_mark_full(void);
void gc_latency(void);

#endif
