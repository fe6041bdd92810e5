// A C++ program on the preloaded allocator: every form of new and delete, the standard containers on several threads,
// and the functions of glibc's malloc.h. Its exit status is the line that found something wrong.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#define CHECK(what) \
    if (!(what)) { fprintf(stderr, "line %d: %s\n", __LINE__, #what); exit(1); }

struct Small { int a; };
struct alignas(64) Line { char bytes[64]; };
struct alignas(256) Wide { char bytes[300]; };

// The compiler may leave out a new and its delete when nobody looks.
static void *volatile seen;
template <typename T> static T *see(T *p) { seen = p; return p; }
static bool aligned(const void *p, size_t to) { return reinterpret_cast<uintptr_t>(p) % to == 0; }
static volatile size_t none = 0;

template <typename T> static void pairs(size_t align) {
    T *one = see(new T), *some = see(new T[3]);
    CHECK(aligned(one, align) && aligned(some, align));
    delete one;
    delete[] some;
    delete see(new (std::nothrow) T);
}

static void news() {
    for (int i = 0; i < 300; i++) {
        pairs<Small>(16);
        pairs<Line>(64);
        pairs<Wide>(256);
        operator delete(see(operator new(100)), size_t(100));
        operator delete(see(operator new(40000)), size_t(40000));
        operator delete(see(operator new(100, std::align_val_t(512))), size_t(100), std::align_val_t(512));
    }
    bool thrown = false;
    try {
        see(new char[PTRDIFF_MAX - none]);
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    CHECK(thrown);
    CHECK(see(new (std::nothrow) char[PTRDIFF_MAX - none]) == nullptr);
}

static void containers() {
    thread_local auto last = std::make_shared<std::string>("freed when the thread ends");
    std::map<std::string, std::vector<int>> map;
    for (int i = 0; i < 10000; i++) map["k" + std::to_string(i * 7 % 2003)].push_back(i);
    CHECK(map.size() == 2003 && last->size() == 26);
}

static void functions() {
    void *p = memalign(24 + none, 100); // glibc takes the next power of two.
    CHECK(p && aligned(p, 32) && malloc_usable_size(p) >= 100);
    free(p);
    errno = 0;
    CHECK(memalign(SIZE_MAX - 3 - none, 8) == nullptr && errno == EINVAL);
    errno = 0;
    CHECK(aligned_alloc(24 + none, 48) == nullptr && errno == EINVAL);
    CHECK(malloc_usable_size(nullptr) == 0);
    errno = 0;
    CHECK(malloc(size_t(PTRDIFF_MAX) + 1 - none) == nullptr && errno == ENOMEM);
    p = malloc(10);
    CHECK(p && realloc(p, none) == nullptr);
    errno = 17;
    p = malloc(3000000);
    CHECK(p && errno == 17);
    free(p);
    CHECK(errno == 17); // A free that succeeds leaves it alone.
    CHECK(mallinfo().uordblks > 0 && mallinfo2().arena > 0);
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1 && malloc_trim(0) >= 0);
    malloc_stats();
    CHECK(malloc_info(0, stdout) == 0 && malloc_info(1, stdout) == EINVAL);
    p = valloc(100);
    CHECK(p && aligned(p, 4096));
    free(p);
    p = pvalloc(100);
    CHECK(p && aligned(p, 4096) && malloc_usable_size(p) >= 4096);
    free(p);
}

int main() {
    news();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) threads.emplace_back(containers);
    for (auto &t : threads) t.join();
    functions();
    puts("all is well");
}
