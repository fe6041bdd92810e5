/* M1, gc_alloc_16 .. gc_alloc_8192: many objects of a size; the last thousand stay in
 * a ring, every second refers to the one before. */
#include "kit.h"

/* From so many bytes on the library hands out single objects only. */
enum { RING = 1000, LARGE = 2048 };

struct object { struct object *before; uint64_t number; };

static struct object *ring[RING];

static void run(const char *name, size_t bytes, uint64_t objects)
{
	double start = seconds();
	struct object *before = 0;
	void *list = 0;
	for (uint64_t number = 0; number < objects; number++) {
		struct object *object = bytes < LARGE ? take(&list, bytes) : GC_MALLOC(bytes);
		object->before = number % 2 == 1 ? before : 0;
		object->number = number;
		ring[number % RING] = object;
		before = object;
	}
	double elapsed = seconds() - start;
	for (uint64_t number = objects - RING; number < objects; number++) {
		const struct object *object = ring[number % RING];
		verify("number of an object", object->number, number);
		if (object->before)
			verify("number of the object before", object->before->number, number - 1);
	}
	metric(name, elapsed * 1e9 / (double)objects, "ns/alloc");
}

void gc_alloc_16(void) { run("gc_alloc_16", 16, size_of_run(20000000, 400000)); }
void gc_alloc_64(void) { run("gc_alloc_64", 64, size_of_run(20000000, 400000)); }
void gc_alloc_256(void) { run("gc_alloc_256", 256, size_of_run(20000000, 400000)); }
void gc_alloc_1024(void) { run("gc_alloc_1024", 1024, size_of_run(2000000, 40000)); }
void gc_alloc_8192(void) { run("gc_alloc_8192", 8192, size_of_run(2000000, 40000)); }
