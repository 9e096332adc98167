/* SPDX-License-Identifier: MIT */

#include "fakeproc.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_THREAD_FLAGS 0x00208040u
#define PAGE_KIB 4

struct fake_host fake_host;

static char root[PATH_MAX / 2];
static struct fake_process *processes;

static void must(bool ok, const char *what) {
  if (ok)
    return;
  perror(what);
  abort();
}

static void make_dir(const char *path) {
  struct stat st;
  must(!mkdir(path, 0755) || !stat(path, &st), path);
}

/* Whatever is not a regular file was put there by a test and stays. */
static void put_bytes(const char *dir, const char *name, const char *text,
                      size_t length) {
  char path[PATH_MAX];
  struct stat st;
  snprintf(path, sizeof(path), "%s/%s", dir, name);
  if (!lstat(path, &st) && !S_ISREG(st.st_mode))
    return;

  FILE *f = fopen(path, "w");
  must(f, path);
  fwrite(text, 1, length, f);
  must(!fclose(f), path);
}

static void put(const char *dir, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put(const char *dir, const char *name, const char *format, ...) {
  char text[8192];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  put_bytes(dir, name, text, (size_t)length);
}

static int remove_entry(const char *path, const struct stat *st, int type,
                        struct FTW *ftw) {
  (void)st, (void)type, (void)ftw;
  return remove(path);
}

static void remove_tree(const char *path) {
  must(!nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), path);
}

/* A task directory --------------------------------------------------------- */

/* One /proc/<pid> or one task/<tid> below it. */
struct task {
  const struct fake_process *process;
  pid_t tid;
  struct fake_thread values;
};

static bool has_memory(const struct task *task) {
  return !task->process->kernel_thread && !strchr("ZX", task->values.state);
}

static void put_stat(const char *dir, const struct task *task) {
  const struct fake_process *p = task->process;
  const struct fake_thread *v = &task->values;
  bool mm = has_memory(task);
  uint64_t vm_kib = mm ? p->vm_kib : 0;
  /* The kernel's number is approximate: it lags by what CPUs still hold. */
  uint64_t pages = mm && p->rss_kib > 12 ? p->rss_kib / PAGE_KIB - 3 : 0;

  put(dir, "stat",
      "%d (%s) %c %d %d %d 0 -1 %u %ju %ju %ju %ju %ju %ju 11 12 20 0 %u 0 "
      "%ju %ju %ju 18446744073709551615 1 1 0 0 0 0 0 0 0 %u 0 0 17 1 0 0 0 0 "
      "0 0 0 0 0 0 0 0 0\n",
      task->tid, v->comm, v->state, p->ppid, p->pid, p->pid,
      p->kernel_thread ? KERNEL_THREAD_FLAGS : 0x400000u, (uintmax_t)v->minflt,
      (uintmax_t)p->cminflt, (uintmax_t)v->majflt, (uintmax_t)p->cmajflt,
      (uintmax_t)v->utime, (uintmax_t)v->stime, p->threads_num + 1,
      (uintmax_t)p->starttime, (uintmax_t)vm_kib * 1024, (uintmax_t)pages, 0u);
}

static const char *state_word(char state) {
  switch (state) {
  case 'R':
    return "running";
  case 'D':
    return "disk sleep";
  case 'T':
    return "stopped";
  case 't':
    return "tracing stop";
  case 'Z':
    return "zombie";
  case 'X':
    return "dead";
  case 'I':
    return "idle";
  default:
    return "sleeping";
  }
}

/* The kernel escapes newline and backslash in Name. */
static void escape(const char *comm, char *out) {
  for (; *comm; comm++) {
    if (*comm == '\n' || *comm == '\\') {
      *out++ = '\\';
      *out++ = *comm == '\n' ? 'n' : '\\';
    } else {
      *out++ = *comm;
    }
  }
  *out = '\0';
}

static void put_status(const char *dir, const struct task *task) {
  const struct fake_process *p = task->process;
  const struct fake_thread *v = &task->values;
  char name[64], memory[512] = "";
  escape(v->comm, name);
  if (has_memory(task))
    snprintf(memory, sizeof(memory),
             "VmPeak:\t%8ju kB\nVmSize:\t%8ju kB\nVmLck:\t       0 kB\n"
             "VmPin:\t       0 kB\nVmHWM:\t%8ju kB\nVmRSS:\t%8ju kB\n"
             "RssAnon:\t%8ju kB\nRssFile:\t       0 kB\nVmData:\t     100 kB\n"
             "VmSwap:\t%8ju kB\n",
             (uintmax_t)p->vm_peak_kib, (uintmax_t)p->vm_kib,
             (uintmax_t)p->rss_peak_kib, (uintmax_t)p->rss_kib,
             (uintmax_t)p->rss_kib, (uintmax_t)p->swap_kib);
  put(dir, "status",
      "Name:\t%s\nUmask:\t0022\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\n"
      "Pid:\t%d\nPPid:\t%d\nTracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\n"
      "Gid:\t0\t0\t0\t0\nFDSize:\t64\nGroups:\t \n%sCoreDumping:\t0\n"
      "Threads:\t%u\nSigQ:\t0/1000\nSpeculation_Store_Bypass:\tvulnerable\n"
      "voluntary_ctxt_switches:\t%ju\nnonvoluntary_ctxt_switches:\t%ju\n",
      name, v->state, state_word(v->state), p->pid, task->tid, p->ppid, p->uid,
      p->uid, p->uid, p->uid, memory, p->threads_num + 1,
      (uintmax_t)v->voluntary, (uintmax_t)v->involuntary);
}

static void put_io(const char *dir, const struct fake_process *p) {
  put(dir, "io",
      "rchar: %ju\nwchar: %ju\nsyscr: %ju\nsyscw: %ju\nread_bytes: %ju\n"
      "write_bytes: %ju\ncancelled_write_bytes: 77\n",
      (uintmax_t)p->rchar, (uintmax_t)p->wchar, (uintmax_t)p->syscr,
      (uintmax_t)p->syscw, (uintmax_t)p->read_bytes, (uintmax_t)p->write_bytes);
}

static void put_limits(const char *dir, const struct fake_process *p) {
  char soft[16] = "unlimited";
  if (p->fd_limit)
    snprintf(soft, sizeof(soft), "%u", p->fd_limit);
  put(dir, "limits",
      "Limit                     Soft Limit           Hard Limit           "
      "Units     \n"
      "Max cpu time              unlimited            unlimited            "
      "seconds   \n"
      "Max open files            %-20s 1048576              files     \n"
      "Max locked memory         8388608              8388608              "
      "bytes     \n",
      soft);
}

static void put_smaps_rollup(const char *dir, const struct fake_process *p) {
  put(dir, "smaps_rollup",
      "00400000-7fff0000 ---p 00000000 00:00 0                          "
      "[rollup]\n"
      "Rss:            %8ju kB\nPss:            %8ju kB\n"
      "Pss_Dirty:             0 kB\nShared_Clean:          4 kB\n"
      "Shared_Dirty:          8 kB\nPrivate_Clean:  %8ju kB\n"
      "Private_Dirty:  %8ju kB\nSwap:                  0 kB\n",
      (uintmax_t)p->rss_kib, (uintmax_t)p->pss_kib,
      (uintmax_t)p->private_clean_kib, (uintmax_t)p->private_dirty_kib);
}

static void put_cmdline(const char *dir, const struct task *task) {
  char text[8192];
  size_t length = has_memory(task) ? strlen(task->process->cmdline) : 0;
  length += length > 0; /* the zero after the last argument */
  snprintf(text, sizeof(text), "%s", task->process->cmdline);
  for (size_t i = 0; i < length; i++)
    if (text[i] == ' ')
      text[i] = '\0';
  put_bytes(dir, "cmdline", text, length);
}

static void put_fds(const char *dir, unsigned count) {
  char path[PATH_MAX], link[PATH_MAX + 16];
  struct stat st;
  snprintf(path, sizeof(path), "%s/fd", dir);
  make_dir(path);
  for (unsigned i = 0; i < count; i++) {
    snprintf(link, sizeof(link), "%s/%u", path, i);
    must(!symlink("/dev/null", link) || !lstat(link, &st), link);
  }
  snprintf(link, sizeof(link), "%s/%u", path, count);
  for (unsigned i = count; !remove(link); i++)
    snprintf(link, sizeof(link), "%s/%u", path, i + 1);
}

static void put_exe(const char *dir, const struct task *task) {
  char path[PATH_MAX], exe[PATH_MAX];
  snprintf(path, sizeof(path), "%s/exe", dir);
  snprintf(exe, sizeof(exe), "/usr/bin/%s", task->process->comm);
  remove(path);
  if (has_memory(task))
    must(!symlink(task->process->exe ? task->process->exe : exe, path), path);
}

static void put_task(const char *dir, const struct task *task) {
  const struct fake_process *p = task->process;
  make_dir(dir);
  put_stat(dir, task);
  put_status(dir, task);
  put(dir, "comm", "%s\n", task->values.comm);
  put(dir, "schedstat", "%ju %ju 42\n", (uintmax_t)task->values.runtime,
      (uintmax_t)task->values.wait);
  bool told = task->values.wchan && !p->untraceable;
  put(dir, "wchan", "%s", told ? task->values.wchan : "0");
  put(dir, "cgroup", "0::%s\n", p->cgroup ? p->cgroup : "/");
  put_io(dir, p);
  put_limits(dir, p);
  put_smaps_rollup(dir, p);
  put_cmdline(dir, task);
  put_fds(dir, has_memory(task) ? p->fds : 0);
  put_exe(dir, task);
}

/* No mode of a link keeps anybody from reading it. Weak: that of
 * tests/reliability/fault.c goes first. */
__attribute__((weak)) ssize_t readlinkat(int fd, const char *path, char *out,
                                         size_t size) {
  for (const struct fake_process *p = processes; p; p = p->next)
    if (p->untraceable && p->pid == atoi(path)) {
      errno = EACCES;
      return -1;
    }
  return syscall(SYS_readlinkat, fd, path, out, size);
}

/* Processes and threads ------------------------------------------------------
 */

const char *fake_path(const struct fake_process *process, const char *name) {
  static char path[PATH_MAX];
  snprintf(path, sizeof(path), "%s/%d/%s", root, process->pid, name);
  return path;
}

/* What the leader used is what no other thread did. */
static void subtract_threads(struct fake_thread *leader,
                             const struct fake_process *p) {
  leader->utime -= p->ended_utime;
  leader->stime -= p->ended_stime;
  leader->minflt -= p->ended_minflt;
  leader->majflt -= p->ended_majflt;
  for (unsigned i = 0; i < p->threads_num; i++) {
    leader->utime -= p->threads[i]->utime;
    leader->stime -= p->threads[i]->stime;
    leader->minflt -= p->threads[i]->minflt;
    leader->majflt -= p->threads[i]->majflt;
  }
}

/* All alone, the leader's files say what the process's do. */
static void link_leader(const char *path) {
  struct stat st;
  must(!symlink("..", path) || !lstat(path, &st), path);
}

void fake_update(struct fake_process *p) {
  char dir[PATH_MAX];
  struct task task = {.process = p,
                      .tid = p->pid,
                      .values = {.comm = p->comm,
                                 .state = p->state,
                                 .utime = p->utime,
                                 .stime = p->stime,
                                 .minflt = p->minflt,
                                 .majflt = p->majflt,
                                 .voluntary = p->voluntary,
                                 .involuntary = p->involuntary,
                                 .runtime = p->runtime,
                                 .wait = p->wait,
                                 .wchan = p->wchan}};
  snprintf(dir, sizeof(dir), "%s/%d", root, p->pid);
  put_task(dir, &task);
  make_dir(fake_path(p, "task"));

  subtract_threads(&task.values, p);
  snprintf(dir, sizeof(dir), "%s/%d/task/%d", root, p->pid, p->pid);
  if (p->was_threaded)
    put_task(dir, &task);
  else
    link_leader(dir);
  for (unsigned i = 0; i < p->threads_num; i++) {
    task.values = *p->threads[i];
    task.tid = task.values.tid;
    snprintf(dir, sizeof(dir), "%s/%d/task/%d", root, p->pid, task.tid);
    put_task(dir, &task);
  }
}

uint64_t fake_now(void) {
  struct timespec now;
  long hz = sysconf(_SC_CLK_TCK);
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)(now.tv_sec * hz + now.tv_nsec / (1000000000 / hz));
}

struct fake_process *fake_process_add(struct fake_process process) {
  struct fake_process *p = calloc(1, sizeof(*p));
  must(p, "fake process");
  *p = process;
  p->ppid = p->ppid ? p->ppid : 1;
  p->state = p->state ? p->state : 'S';
  p->starttime = p->starttime ? p->starttime : (uint64_t)p->pid * 100;
  p->cmdline = p->cmdline ? p->cmdline : p->kernel_thread ? "" : p->comm;
  p->next = processes;
  processes = p;
  fake_update(p);
  return p;
}

static void free_process(struct fake_process *p) {
  for (unsigned i = 0; i < p->threads_num; i++)
    free(p->threads[i]);
  free(p);
}

void fake_end(struct fake_process *process) {
  struct fake_process **link = &processes;
  while (*link != process)
    link = &(*link)->next;
  *link = process->next;
  remove_tree(fake_path(process, ""));
  free_process(process);
}

struct fake_thread *fake_thread_add(struct fake_thread thread) {
  struct fake_process *p = thread.process;
  struct fake_thread *t = calloc(1, sizeof(*t));
  must(t && p->threads_num < FAKE_THREADS_MAX, "fake thread");
  *t = thread;
  t->state = t->state ? t->state : 'S';
  p->threads[p->threads_num++] = t;
  if (!p->was_threaded) {
    char name[32];
    snprintf(name, sizeof(name), "task/%d", p->pid);
    must(!unlink(fake_path(p, name)), "the leader's link");
  }
  p->was_threaded = true;
  fake_update(p);
  return t;
}

void fake_thread_end(struct fake_thread *thread) {
  struct fake_process *p = thread->process;
  char name[32];
  unsigned i = 0;
  while (p->threads[i] != thread)
    i++;
  p->threads[i] = p->threads[--p->threads_num];
  p->ended_utime += thread->utime;
  p->ended_stime += thread->stime;
  p->ended_minflt += thread->minflt;
  p->ended_majflt += thread->majflt;
  snprintf(name, sizeof(name), "task/%d", thread->tid);
  remove_tree(fake_path(p, name));
  free(thread);
  fake_update(p);
}

/* Single files
 * ----------------------------------------------------------------- */

static void clear(const char *path) {
  struct stat st;
  if (!lstat(path, &st))
    remove_tree(path);
}

void fake_file(struct fake_process *process, const char *name,
               const char *text) {
  const char *path = fake_path(process, name);
  clear(path);
  FILE *f = fopen(path, "w");
  must(f, path);
  fputs(text, f);
  must(!fclose(f), path);
}

void fake_fifo(struct fake_process *process, const char *name) {
  const char *path = fake_path(process, name);
  clear(path);
  must(!mkfifo(path, 0644), path);
}

void fake_release(struct fake_process *process, const char *name) {
  const char *path = fake_path(process, name);
  int fd = open(path, O_RDWR | O_NONBLOCK);
  must(fd >= 0, path);
  fake_file(process, name, "");
  fake_update(process);
  close(fd);
}

void fake_unreadable(struct fake_process *process, const char *name) {
  const char *path = fake_path(process, name);
  clear(path);
  must(!mkdir(path, 0755), path);
}

/* The host
 * ----------------------------------------------------------------------- */

static void put_pressure(const char *name, const struct fake_pressure *p) {
  char dir[PATH_MAX];
  snprintf(dir, sizeof(dir), "%s/pressure", root);
  make_dir(dir);
  put(dir, name,
      "some avg10=%.2f avg60=9.00 avg300=9.00 total=%ju\n"
      "full avg10=%.2f avg60=9.00 avg300=9.00 total=%ju\n",
      p->some_avg10, (uintmax_t)p->some_us, p->full_avg10,
      (uintmax_t)p->full_us);
}

void fake_host_update(void) {
  const struct fake_host *h = &fake_host;
  put(root, "loadavg", "%.2f %.2f %.2f 2/345 999\n", h->load[0], h->load[1],
      h->load[2]);
  put(root, "uptime", "%.2f 1.00\n", h->uptime);
  put(root, "meminfo",
      "MemTotal:       %8ju kB\nMemFree:            1000 kB\n"
      "MemAvailable:   %8ju kB\nBuffers:             100 kB\n"
      "SwapCached:            0 kB\nSwapTotal:      %8ju kB\n"
      "SwapFree:       %8ju kB\nHugePages_Total:       0\n",
      (uintmax_t)h->memory_total_kib, (uintmax_t)h->memory_available_kib,
      (uintmax_t)h->swap_total_kib, (uintmax_t)h->swap_free_kib);

  char cpus[FAKE_CPUS * 64] = "";
  for (int i = 0; i < FAKE_CPUS; i++)
    snprintf(cpus + strlen(cpus), sizeof(cpus) - strlen(cpus),
             "cpu%d 1 2 3 4 5 6 7 8 9 10\n", i);
  put(root, "stat",
      "cpu  10 20 30 40 50 60 70 80 90 100\n%sintr 5 1 2\nctxt 12345\n"
      "btime %d\nprocesses 777\nprocs_running 1\nprocs_blocked 0\n"
      "softirq 3 1 2\n",
      cpus, FAKE_BOOT_TIME);
  put_pressure("cpu", &h->cpu);
  put_pressure("io", &h->io);
  put_pressure("memory", &h->memory);
}

void fakeproc_create(void) {
  const char *dir = getenv("TMPDIR");
  if (!dir) /* hundreds of thousands of small files: better not on a disk */
    dir = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
  snprintf(root, sizeof(root), "%s/proctrace-test-XXXXXX", dir);
  must(mkdtemp(root), root);
  /* Tests look at it as another user, too. */
  must(!chmod(root, 0755), root);
  fake_host = (struct fake_host){.load = {0.5, 0.25, 0.75},
                                 .memory_total_kib = 8000000,
                                 .memory_available_kib = 6000000,
                                 .uptime = 10000};
  fake_host_update();
}

void fakeproc_remove(void) {
  while (processes) {
    struct fake_process *next = processes->next;
    free_process(processes);
    processes = next;
  }
  remove_tree(root);
}

const char *fakeproc_root(void) { return root; }
