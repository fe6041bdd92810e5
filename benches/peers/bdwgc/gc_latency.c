/* M4, gc_latency: random nodes of a large table are replaced for ten seconds; how long
 * each replacement takes is noted. */
#include "kit.h"

#include <stdio.h>

struct node { uint64_t number; struct node *next; uint64_t padding[6]; };

/* Counts by size, 64 steps to each doubling, as in the kit. */
enum { STEPS = 6, BUCKETS = (64 - STEPS + 1) << STEPS };
static uint64_t counts[BUCKETS], total, longest;

static unsigned bucket(uint64_t value)
{
	int bits = value ? 64 - __builtin_clzll(value) : 0;
	int shift = bits > STEPS + 1 ? bits - STEPS - 1 : 0;
	return ((unsigned)shift << STEPS) + (unsigned)(value >> shift);
}

static uint64_t middle(unsigned at)
{
	if (at < 2 << STEPS)
		return at;
	unsigned shift = (at >> STEPS) - 1;
	return ((uint64_t)((at & ((1 << STEPS) - 1)) | 1 << STEPS) << shift) + (1ull << shift) / 2;
}

static void record(uint64_t value)
{
	counts[bucket(value)]++;
	total++;
	if (value > longest)
		longest = value;
}

static double quantile(double share)
{
	uint64_t seen = 0;
	for (unsigned at = 0; at < BUCKETS; at++) {
		seen += counts[at];
		if ((double)seen >= share * (double)total)
			return (double)(middle(at) < longest ? middle(at) : longest) / 1e3;
	}
	return (double)longest / 1e3;
}

static void report(void)
{
	metric("gc_latency_p50", quantile(0.5), "us");
	metric("gc_latency_p99", quantile(0.99), "us");
	metric("gc_latency_p99.9", quantile(0.999), "us");
	metric("gc_latency_p99.99", quantile(0.9999), "us");
	metric("gc_latency_max", (double)longest / 1e3, "us");
	printf("histogram gc_latency us");
	for (unsigned at = 0; at < BUCKETS; at++)
		if (counts[at])
			printf(" %.4f:%llu", (double)middle(at) / 1e3, (unsigned long long)counts[at]);
	putchar('\n');
}

void gc_latency(void)
{
	uint64_t slots = size_of_run(4 << 20, 64 << 10);
	struct node **table = GC_MALLOC(slots * sizeof *table);
	void *list = 0;
	for (uint64_t number = 0; number < slots; number++) {
		table[number] = take(&list, sizeof **table);
		*table[number] = (struct node){ .number = number };
	}

	struct random_numbers random = random_from(1);
	uint64_t start = nanoseconds(), end = start + size_of_run(10000, 300) * 1000000, last = start;
	while (last < end) {
		uint64_t slot = random_below(&random, slots);
		struct node *node = take(&list, sizeof *node);
		*node = (struct node){ .number = slot };
		table[slot] = node;
		uint64_t now = nanoseconds();
		record(now - last);
		last = now;
	}

	for (uint64_t number = 0; number < slots; number++)
		verify("number of a slot's node", table[number]->number, number);
	report();
	metric("gc_latency_ops", (double)total * 1e9 / (double)(last - start), "ops/s");
}
