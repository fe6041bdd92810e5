/* M2, binary_trees: the benchmarks game's trees; with more than one processor one
 * thread for each depth. */
#include "kit.h"

#include <pthread.h>

enum { MIN_DEPTH = 4, MAX_TASKS = 16 };

struct tree { struct tree *left, *right; };

static struct tree *bottom_up(unsigned depth)
{
	struct tree *tree = GC_MALLOC(sizeof *tree);
	if (depth > 0) {
		tree->left = bottom_up(depth - 1);
		tree->right = bottom_up(depth - 1);
	}
	return tree;
}

static uint64_t count(const struct tree *tree)
{
	return tree->left ? 1 + count(tree->left) + count(tree->right) : 1;
}

static uint64_t nodes(unsigned depth)
{
	return (2ull << depth) - 1;
}

struct task { unsigned depth; uint64_t trees, sum; pthread_t thread; };

static void *short_lived(void *argument)
{
	struct task *task = argument;
	for (uint64_t tree = 0; tree < task->trees; tree++)
		task->sum += count(bottom_up(task->depth));
	return 0;
}

void binary_trees(void)
{
	unsigned deepest = (unsigned)size_of_run(18, 10), tasks = 0;
	struct task all[MAX_TASKS];
	double start = seconds();
	uint64_t stretch = count(bottom_up(deepest + 1));
	struct tree *long_lived = bottom_up(deepest);
	for (unsigned depth = MIN_DEPTH; depth <= deepest; depth += 2, tasks++) {
		all[tasks] = (struct task){ .depth = depth, .trees = 1ull << (deepest - depth + MIN_DEPTH) };
		if (processors() == 1)
			short_lived(&all[tasks]);
		else if (pthread_create(&all[tasks].thread, 0, short_lived, &all[tasks]))
			fail("no thread");
	}
	for (unsigned at = 0; at < tasks && processors() > 1; at++)
		pthread_join(all[at].thread, 0);
	uint64_t kept = count(long_lived);
	double elapsed = seconds() - start;

	verify("nodes of the stretch tree", stretch, nodes(deepest + 1));
	verify("nodes of the long-lived tree", kept, nodes(deepest));
	for (unsigned at = 0; at < tasks; at++)
		verify("nodes of the short-lived trees", all[at].sum, nodes(all[at].depth) * all[at].trees);
	metric("binary_trees", elapsed * 1e3, "ms");
}
