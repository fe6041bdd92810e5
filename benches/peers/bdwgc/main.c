/*
 * The collector workloads on the conservative collector of Boehm, Demers and
 * Weiser: peer-bdwgc WORKLOAD [quick] | --list | --version.
 *
 * As many marker threads as the bench asks for processors.
 */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool quick;

static const struct { const char *name; void (*run)(void); } workloads[] = {
	{ "gc_alloc_16", gc_alloc_16 },
	{ "gc_alloc_64", gc_alloc_64 },
	{ "gc_alloc_256", gc_alloc_256 },
	{ "gc_alloc_1024", gc_alloc_1024 },
	{ "gc_alloc_8192", gc_alloc_8192 },
	{ "binary_trees", binary_trees },
	{ "gc_mark", gc_mark },
	{ "gc_mark_full", gc_mark_full },
};
enum { COUNT = sizeof workloads / sizeof *workloads };

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (int at = 0; at < COUNT; at++)
			puts(workloads[at].name);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		unsigned version = GC_get_version();
		printf("%u.%u.%u\n", version >> 16, version >> 8 & 255, version & 255);
		return 0;
	}
	quick = argc == 3 && strcmp(argv[2], "quick") == 0;
	if (argc < 2 || (argc > 2 && !quick)) {
		fputs("usage: peer-bdwgc WORKLOAD [quick] | --list | --version\n", stderr);
		return 2;
	}
	for (int at = 0; at < COUNT; at++) {
		if (strcmp(workloads[at].name, argv[1]) == 0) {
			GC_set_markers_count(processors());
			GC_INIT();
			GC_allow_register_threads();
			workloads[at].run();
			return 0;
		}
	}
	fprintf(stderr, "peer-bdwgc: unknown workload '%s'\n", argv[1]);
	return 2;
}

uint64_t size_of_run(uint64_t full, uint64_t small)
{
	return quick ? small : full;
}

unsigned processors(void)
{
	const char *asked = getenv("GOMAXPROCS");
	int count = asked ? atoi(asked) : 1;
	return count < 1 ? 1 : (unsigned)count;
}

double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void metric(const char *name, double value, const char *unit)
{
	printf("metric %s %.4f %s\n", name, value, unit);
}

void verify(const char *what, uint64_t got, uint64_t want)
{
	if (got != want) {
		fprintf(stderr, "peer-bdwgc: %s is %llu, must be %llu\n", what, (unsigned long long)got,
		        (unsigned long long)want);
		exit(1);
	}
}

_Noreturn void fail(const char *why)
{
	fprintf(stderr, "peer-bdwgc: %s\n", why);
	exit(1);
}
