/* M3, gc_mark and gc_mark_full: many nodes of 64 bytes with pointers to random earlier
 * ones; five collections that are asked for. */
#include "kit.h"

#include <stdio.h>

enum { COLLECTIONS = 5, POINTERS = 4 };

struct node { uint64_t number; struct node *to[POINTERS]; uint64_t padding[3]; };

static struct node **table;

static void __attribute__((noinline)) build(uint64_t nodes, uint64_t step)
{
	struct node **all = GC_MALLOC(nodes * sizeof *all);
	struct random_numbers random = random_from(1);
	void *list = 0;
	for (uint64_t number = 0; number < nodes; number++) {
		struct node *node = take(&list, sizeof *node);
		node->number = number;
		for (int at = 0; at < POINTERS && number > 0; at++)
			node->to[at] = all[random_below(&random, number)];
		all[number] = node;
	}
	if (step == 1) {
		table = all;
		return;
	}
	table = GC_MALLOC(nodes / step * sizeof *table);
	for (uint64_t at = 0; at < nodes / step; at++)
		table[at] = all[at * step];
	/* A word of it that stays on the stack must not keep the rest alive. */
	for (uint64_t at = 0; at < nodes; at++)
		all[at] = 0;
	GC_FREE(all);
}

static void run(const char *name, uint64_t nodes, uint64_t step)
{
	build(nodes, step);
	GC_gcollect();
	double start = seconds();
	for (int at = 0; at < COLLECTIONS; at++)
		GC_gcollect();
	double each = (seconds() - start) * 1e3 / COLLECTIONS;
	uint64_t sum = 0, rooted = nodes / step;
	for (uint64_t at = 0; at < rooted; at++) {
		for (int to = 0; to < POINTERS; to++)
			if (table[at]->to[to] && table[at]->to[to]->number >= table[at]->number)
				fail("a pointer does not lead to an earlier node");
		sum += table[at]->number;
	}
	verify("sum of the rooted nodes", sum, step * (rooted * (rooted - 1) / 2));
	metric(name, each, "ms/collection");
	char rate[64];
	snprintf(rate, sizeof rate, "%s_rate", name);
	/* What the rooted nodes lead to: the same graph in every program. */
	uint64_t reachable = step == 1 ? nodes : size_of_run(3266520, 25642);
	metric(rate, (double)(reachable * sizeof(struct node)) / each / 1e3, "MB/s");
}

void gc_mark(void) { run("gc_mark", size_of_run(8 << 20, 64 << 10), 64); }
void gc_mark_full(void) { run("gc_mark_full", size_of_run(16 << 20, 128 << 10), 1); }
