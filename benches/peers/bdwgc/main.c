/*
 * The collector workloads on the conservative collector of Boehm, Demers and
 * Weiser: peer-bdwgc WORKLOAD [quick] | --list | --version.
 *
 * As many marker threads as the bench asks for processors, and all threads kept on
 * as many. Objects refer to each other by their starts only, and the collector is
 * told so: else it adds a byte to each, which makes 32 bytes of 16 and 80 of 64.
 */
#define _GNU_SOURCE
#include "kit.h"

#include <sched.h>
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
	{ "gc_latency", gc_latency },
};
enum { COUNT = sizeof workloads / sizeof *workloads };

/* This thread, and those that it starts. */
static void keep_to_processors(void)
{
	cpu_set_t allowed;
	if (sched_getaffinity(0, sizeof allowed, &allowed))
		fail("the kernel does not say which processors there are");
	unsigned left = processors();
	for (int at = 0; at < CPU_SETSIZE; at++) {
		if (!CPU_ISSET(at, &allowed))
			continue;
		if (left > 0)
			left--;
		else
			CPU_CLR(at, &allowed);
	}
	if (sched_setaffinity(0, sizeof allowed, &allowed))
		fail("the kernel keeps no thread to its processors");
}

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
			keep_to_processors();
			GC_set_markers_count(processors());
			GC_set_all_interior_pointers(0);
			GC_INIT();
			/* Marker threads start with the first other thread, or here. */
			if (processors() > 1)
				GC_start_mark_threads();
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

uint64_t nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

double seconds(void)
{
	return (double)nanoseconds() / 1e9;
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
