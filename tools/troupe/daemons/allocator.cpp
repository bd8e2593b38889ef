// The allocator is jemalloc: messages are freed by other threads than made them,
// which costs glibc's a quarter of a controller's processor time. An agent is to
// stay small: few arenas, and little kept back by each thread.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "narenas:2,tcache_max:4096";
}
