/* SPDX-License-Identifier: MIT */

#include "fault.h"

#include "../plugin/host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

/* The C library's functions, or a sanitizer's. */
#define ALL(what)                                                              \
  what(malloc) what(calloc) what(realloc) what(free) what(open) what(openat)   \
      what(fopen) what(opendir) what(read) what(pread) what(getdents64)        \
          what(fstat) what(fstatat) what(fstatfs) what(readlinkat)             \
              what(pthread_create) what(syscall) what(clock_gettime)
#define MEMBER(function) __typeof__(&(function)) function;
static struct { ALL(MEMBER) } next;

/* At the first call of all.  dlsym() forgets the error that dlerror() would
 * say, so that it may not be called later. */
static void look_up(void) {
#define LOOK_UP(function)                                                      \
  *(void **)&next.function = dlsym(RTLD_NEXT, #function);
  ALL(LOOK_UP)
}

#define NEXT(function)                                                         \
  (next.malloc == NULL ? look_up() : (void)0, next.function)

#define FRAMES 24

static struct {
  bool armed;
  enum fault kind;
  unsigned nth;
  int error;
  bool struck;
  void *trace[FRAMES]; /* where it struck */
  int frames;
  unsigned calls[FAULTS];
} plan;

/* --- places that call --- */

static struct {
  uint64_t places[FAULT_PLACES];
  unsigned calls[FAULT_PLACES], count;
} seen[FAULTS];
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;

static void note_place(enum fault kind, unsigned call) {
  void *trace[FRAMES];
  uint64_t place = 0;
  int frames = backtrace(trace, FRAMES);
  for (int i = 0; i < frames; i++)
    place = (place ^ (uintptr_t)trace[i]) * UINT64_C(0x100000001b3);
  pthread_mutex_lock(&seen_lock);
  unsigned i = 0;
  while (i < seen[kind].count && seen[kind].places[i] != place)
    i++;
  if (i == seen[kind].count && i < FAULT_PLACES) {
    seen[kind].places[i] = place;
    seen[kind].calls[i] = call;
    seen[kind].count++;
  }
  pthread_mutex_unlock(&seen_lock);
}

unsigned fault_first_calls(enum fault kind, unsigned out[FAULT_PLACES]) {
  memcpy(out, seen[kind].calls, seen[kind].count * sizeof(out[0]));
  return seen[kind].count;
}

/* Whether this call, of the plugin, is the one that fails. */
static bool strikes(enum fault kind) {
  if (!plan.armed || !host_in_plugin())
    return false;
  unsigned call = __atomic_add_fetch(&plan.calls[kind], 1, __ATOMIC_RELAXED);
  if (plan.kind == FAULT_NONE)
    note_place(kind, call);
  if (kind != plan.kind || call != plan.nth)
    return false;
  plan.struck = true;
  plan.frames = backtrace(plan.trace, FRAMES);
  errno = plan.error;
  return true;
}

/* --- blocks that are not freed --- */

/* Open addressing: a block stands behind the place that its address says, with
 * no gap between. */
#define PLACES (1u << 18)
static struct block {
  void *at;
  size_t size;
  void *caller;
} blocks[PLACES];
static size_t block_count;
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;

static size_t place_of(const void *at) {
  return ((uintptr_t)at >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 46;
}
_Static_assert(PLACES == 1u << (64 - 46), "a place is what is left of 64 bits");

static size_t find(const void *at) {
  size_t i = place_of(at);
  while (blocks[i].at != NULL && blocks[i].at != at)
    i = (i + 1) % PLACES;
  return i;
}

static void remember(void *at, size_t size, void *caller) {
  if (at == NULL || !plan.armed || !host_in_plugin())
    return;
  pthread_mutex_lock(&blocks_lock);
  if (block_count == PLACES / 2)
    abort();
  blocks[find(at)] = (struct block){at, size, caller};
  block_count++;
  pthread_mutex_unlock(&blocks_lock);
}

static void forget(const void *at) {
  if (at == NULL || block_count == 0)
    return;
  pthread_mutex_lock(&blocks_lock);
  size_t hole = find(at);
  if (blocks[hole].at != NULL) {
    block_count--;
    /* Who stands behind for want of this place moves up. */
    for (size_t i = (hole + 1) % PLACES; blocks[i].at != NULL;
         i = (i + 1) % PLACES) {
      size_t home = place_of(blocks[i].at);
      if ((i - home) % PLACES < (i - hole) % PLACES)
        continue;
      blocks[hole] = blocks[i];
      hole = i;
    }
    blocks[hole].at = NULL;
  }
  pthread_mutex_unlock(&blocks_lock);
}

/* Of the dynamic linker, which keeps the variables that a library has for each
 * thread; and of libelf, which libbpf reads objects with: it forgets blocks
 * when it is out of memory, and is not ours to mend. */
static bool is_excused(const struct block *block) {
  static const char *const others[] = {"/ld-linux", "/libelf.", "/libz."};
  Dl_info info = {0};
  if (dladdr(block->caller, &info) == 0 || info.dli_fname == NULL)
    return false;
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
    if (strstr(info.dli_fname, others[i]) != NULL)
      return true;
  return false;
}

size_t fault_blocks(void) {
  size_t n = 0;
  for (size_t i = 0; i < PLACES; i++)
    n += blocks[i].at != NULL && !is_excused(&blocks[i]);
  return n;
}

void fault_print(size_t most) {
  backtrace_symbols_fd(plan.trace, plan.frames, STDERR_FILENO);
  for (size_t i = 0; i < PLACES && most > 0; i++) {
    Dl_info info = {0};
    if (blocks[i].at == NULL || is_excused(&blocks[i]))
      continue;
    dladdr(blocks[i].caller, &info);
    fprintf(stderr, "  %zu bytes, asked for by %s+%#tx\n", blocks[i].size,
            info.dli_fname != NULL ? info.dli_fname : "?",
            (char *)blocks[i].caller - (char *)info.dli_fbase);
    most--;
  }
}

/* --- memory --- */

void *malloc(size_t size) {
  if (strikes(FAULT_MEMORY))
    return NULL;
  void *block = NEXT(malloc)(size);
  remember(block, size, __builtin_return_address(0));
  return block;
}

void *calloc(size_t n, size_t size) {
  if (strikes(FAULT_MEMORY))
    return NULL;
  void *block = NEXT(calloc)(n, size);
  remember(block, n * size, __builtin_return_address(0));
  return block;
}

void *realloc(void *old, size_t size) {
  if (strikes(FAULT_MEMORY))
    return NULL;
  forget(old);
  void *block = NEXT(realloc)(old, size);
  remember(block, size, __builtin_return_address(0));
  return block;
}

void free(void *block) {
  forget(block);
  NEXT(free)(block);
}

/* --- files --- */

static int open_at(int directory, const char *path, int flags, va_list more) {
  if (strikes(FAULT_OPEN))
    return -1;
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
  return NEXT(openat)(directory, path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  int fd = open_at(AT_FDCWD, path, flags, more);
  va_end(more);
  return fd;
}

int openat(int directory, const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  int fd = open_at(directory, path, flags, more);
  va_end(more);
  return fd;
}

FILE *fopen(const char *path, const char *mode) {
  return strikes(FAULT_OPEN) ? NULL : NEXT(fopen)(path, mode);
}

DIR *opendir(const char *path) {
  return strikes(FAULT_OPEN) ? NULL : NEXT(opendir)(path);
}

/* Nothing in the others tells where they end, and the kernel gives them whole.
 */
static bool may_be_cut(int fd) {
  char link[32], path[PATH_MAX];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof(path) - 1);
  path[n > 0 ? n : 0] = '\0';
  const char *name = strrchr(path, '/');
  return name == NULL ||
         (strcmp(name, "/cmdline") != 0 && strcmp(name, "/wchan") != 0 &&
          strstr(path, "/pressure/") == NULL);
}

static ssize_t cut(int fd, ssize_t n) {
  return n > 0 && may_be_cut(fd) && strikes(FAULT_CUT) ? n / 2 : n;
}

ssize_t read(int fd, void *out, size_t size) {
  return strikes(FAULT_READ) ? -1 : cut(fd, NEXT(read)(fd, out, size));
}

ssize_t pread(int fd, void *out, size_t size, off_t at) {
  return strikes(FAULT_READ) ? -1 : cut(fd, NEXT(pread)(fd, out, size, at));
}

ssize_t getdents64(int fd, void *out, size_t size) {
  return strikes(FAULT_LIST) ? -1 : NEXT(getdents64)(fd, out, size);
}

int fstat(int fd, struct stat *out) {
  return strikes(FAULT_STAT) ? -1 : NEXT(fstat)(fd, out);
}

int fstatat(int fd, const char *path, struct stat *out, int flags) {
  return strikes(FAULT_STAT) ? -1 : NEXT(fstatat)(fd, path, out, flags);
}

int fstatfs(int fd, struct statfs *out) {
  return strikes(FAULT_STAT) ? -1 : NEXT(fstatfs)(fd, out);
}

ssize_t readlinkat(int fd, const char *path, char *out, size_t size) {
  return strikes(FAULT_STAT) ? -1 : NEXT(readlinkat)(fd, path, out, size);
}

/* --- threads, BPF, time --- */

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                   void *(*run)(void *), void *argument) {
  return strikes(FAULT_THREAD)
             ? plan.error
             : NEXT(pthread_create)(thread, attributes, run, argument);
}

/* libbpf calls bpf(2) by its number, as the C library has no such function. */
long syscall(long number, ...) {
  if (number == SYS_bpf && strikes(FAULT_BPF))
    return -1;
  long a[6];
  va_list arguments;
  va_start(arguments, number);
  for (int i = 0; i < 6; i++)
    a[i] = va_arg(arguments, long);
  va_end(arguments);
  return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int64_t uptime;

void fault_set_uptime(int64_t seconds) { uptime = seconds; }

int clock_gettime(clockid_t clock, struct timespec *out) {
  if (clock != CLOCK_BOOTTIME || uptime == 0)
    return NEXT(clock_gettime)(clock, out);
  *out = (struct timespec){.tv_sec = uptime};
  return 0;
}

/* --- the plan --- */

void fault_arm(enum fault kind, unsigned nth, int error) {
  memset(&plan, 0, sizeof(plan));
  plan.kind = kind;
  plan.nth = nth;
  plan.error = error;
  plan.armed = true;
}

unsigned fault_calls(enum fault kind) { return plan.calls[kind]; }

bool fault_has_struck(void) { return plan.struck; }
