/* M2, binary_trees: the benchmarks game's trees; with more than one processor one
 * thread for each depth. */
#include "kit.h"

#include <pthread.h>

enum { MIN_DEPTH = 4, MAX_TASKS = 16 };

struct tree { struct tree *left, *right; };

static struct tree *bottom_up(void **list, unsigned depth)
{
	struct tree *left = 0, *right = 0;
	if (depth > 0) {
		left = bottom_up(list, depth - 1);
		right = bottom_up(list, depth - 1);
	}
	struct tree *tree = take(list, sizeof *tree);
	tree->left = left;
	tree->right = right;
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
	void *list = 0;
	for (uint64_t tree = 0; tree < task->trees; tree++)
		task->sum += count(bottom_up(&list, task->depth));
	return 0;
}

void binary_trees(void)
{
	unsigned deepest = (unsigned)size_of_run(18, 10), tasks = 0;
	struct task all[MAX_TASKS];
	void *list = 0;
	double start = seconds();
	uint64_t stretch = count(bottom_up(&list, deepest + 1));
	struct tree *long_lived = bottom_up(&list, deepest);
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
