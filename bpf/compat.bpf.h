/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * What differs between kernels, each difference once.
 *
 * The running kernel's BTF decides and never a version number, for
 * distributions take changes over into older kernels.  Branches for another
 * kernel are removed when the program is loaded.
 */
#ifndef PROCTRACE_COMPAT_BPF_H
#define PROCTRACE_COMPAT_BPF_H

const volatile struct bpf_config config SEC(".rodata.config");

/*
 * Typed reads through an address that we computed ourselves, such as that of
 * the task around a list node.  bpf_rdonly_cast() (Linux 6.2, commit
 * a35b9af4ec2c) makes them plain loads; without it each is a call of
 * bpf_probe_read_kernel().  What READ() reads through has to be a plain
 * variable: of an expression, CO-RE would take each member for the kernel's.
 */
void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;

#define AT(type, address)                                                      \
  ((type *)(config.has_rdonly_cast                                             \
                ? bpf_rdonly_cast((void *)(address),                           \
                                  bpf_core_type_id_kernel(type))               \
                : (void *)(address)))
#define READ(pointer, field)                                                   \
  (config.has_rdonly_cast ? (pointer)->field : BPF_CORE_READ(pointer, field))

/* What stands anywhere, through a type that begins with as many bytes. */
static __always_inline __u64 read_u64(const void *address) {
  struct timespec64 *number = AT(struct timespec64, address);
  return (__u64)READ(number, tv_sec);
}

static __always_inline __s32 read_s32(const void *address) {
  struct upid *number = AT(struct upid, address);
  return READ(number, nr);
}

/*
 * An index below a power of two.  The compiler may know that it is, and leave
 * the mask out; the verifier before Linux 6.13 or so does not.
 */
#define BELOW(limit, index)                                                    \
  ({                                                                           \
    __u32 below = (index);                                                     \
    asm volatile("" : "+r"(below));                                            \
    below &((limit)-1);                                                        \
  })

/*
 * A function that reads what the running kernel may not have.  Inlined, some
 * of it could move out of the branch that is removed.
 */
#define OTHER_KERNEL __noinline

/*
 * smp_rmb().  BPF has no such instruction; an atomic operation that returns
 * something is a full barrier, and x86 does not reorder loads.
 */
static __always_inline void read_barrier(void) {
#ifdef __TARGET_ARCH_x86
  asm volatile("" ::: "memory");
#else
  __u64 nothing = 0;
  __u64 old = __sync_fetch_and_add(&nothing, 1);
  asm volatile("" : : "r"(old) : "memory");
#endif
}

/*
 * task_struct.state became __state, and an unsigned int (Linux 5.14, commit
 * 2f064a59a11f).
 */
struct task_struct___state {
  long state;
} __attribute__((preserve_access_index));

static OTHER_KERNEL __u32 get_long_state(struct task_struct *task) {
  return (__u32)BPF_CORE_READ((struct task_struct___state *)task, state);
}

static __always_inline __u32 get_state(struct task_struct *task) {
  return bpf_core_field_exists(task->__state) ? READ(task, __state)
                                              : get_long_state(task);
}

/*
 * The memory counters of an mm became per-CPU counters (Linux 6.2, commit
 * f1a7941243c1); they were atomic before, and each thread kept back up to 64
 * pages that /proc does not show either.
 */
struct mm_rss_stat___atomic {
  atomic_long_t count[4];
} __attribute__((preserve_access_index));

struct mm_struct___atomic {
  struct mm_rss_stat___atomic rss_stat;
} __attribute__((preserve_access_index));

/*
 * Where each CPU's variables lie behind a per-CPU pointer.  The kernel's array
 * of that, __per_cpu_offset, has no BTF and without KALLSYMS_ALL no address;
 * but the value of a per-CPU map tells.
 */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} anywhere SEC(".maps");

__u64 cpu_offsets[EXACT_RSS_CPUS];
void *volatile pointer;

/* A pointer that went through memory is a number with which we may
 * calculate. */
static __always_inline __u64 number_of(void *value) {
  pointer = value;
  return (__u64)pointer;
}

static __always_inline void find_cpu_offsets(void) {
  struct bpf_array *map = (struct bpf_array *)number_of(&anywhere);
  __u64 base = 0;
  __u32 first = 0;
  bpf_core_read(&base, sizeof(base), &map->pptrs[0]);
  for (__u32 cpu = 0; cpu < config.cpus && cpu < EXACT_RSS_CPUS; cpu++) {
    void *value = bpf_map_lookup_percpu_elem(&anywhere, &first, cpu);
    if (value != NULL)
      cpu_offsets[cpu] = number_of(value) - base;
  }
}

static __always_inline __s64 not_below_0(__s64 n) { return n > 0 ? n : 0; }

/* percpu_counter_sum_positive(); just the sum that all see where adding up is
 * out of the question. */
static __always_inline __s64 sum_counter(struct percpu_counter *counter) {
  __s64 sum = READ(counter, count);
  __u64 parts = (__u64)READ(counter, counters);
  for (__u32 cpu = 0; config.cpus <= EXACT_RSS_CPUS && cpu < config.cpus; cpu++)
    sum += read_s32((void *)(parts + cpu_offsets[cpu % EXACT_RSS_CPUS]));
  return not_below_0(sum);
}

/* get_mm_counter(): threads keep parts back, so that a sum may be below zero.
 */
static OTHER_KERNEL __s64 get_atomic_counters(struct mm_struct___atomic *mm,
                                              __s64 *swap) {
  *swap = not_below_0(BPF_CORE_READ(mm, rss_stat.count[MM_SWAPENTS].counter));
  return not_below_0(BPF_CORE_READ(mm, rss_stat.count[MM_FILEPAGES].counter)) +
         not_below_0(BPF_CORE_READ(mm, rss_stat.count[MM_ANONPAGES].counter)) +
         not_below_0(BPF_CORE_READ(mm, rss_stat.count[MM_SHMEMPAGES].counter));
}

#define COUNTER(mm, which) AT(struct percpu_counter, &(mm)->rss_stat[which])

/* Resident and swapped pages. */
static __always_inline __s64 get_pages(struct mm_struct *mm, __s64 *swap) {
  if (bpf_core_field_exists(((struct mm_struct___atomic *)0)->rss_stat.count))
    return get_atomic_counters((struct mm_struct___atomic *)mm, swap);
  *swap = sum_counter(COUNTER(mm, MM_SWAPENTS));
  return sum_counter(COUNTER(mm, MM_FILEPAGES)) +
         sum_counter(COUNTER(mm, MM_ANONPAGES)) +
         sum_counter(COUNTER(mm, MM_SHMEMPAGES));
}

/*
 * Who makes the call on which architecture: its first two arguments, and
 * whether it is one of a 32-bit program, whose numbers mean other calls.
 */
#if defined(__TARGET_ARCH_x86)
#define TS_COMPAT 0x2
#define IS_COMPAT(task) (((task)->thread_info.status & TS_COMPAT) != 0)
#define ARGUMENT_1(regs) ((regs)->di)
#define ARGUMENT_2(regs) ((regs)->si)
#elif defined(__TARGET_ARCH_arm64)
#define TIF_32BIT 22
#define IS_COMPAT(task) (((task)->thread_info.flags >> TIF_32BIT & 1) != 0)
#define ARGUMENT_1(regs) ((regs)->regs[0])
#define ARGUMENT_2(regs) ((regs)->regs[1])
#endif

/* Time namespaces came with Linux 5.6 and can be left out. */
static __always_inline __u64 boottime_offset(struct task_struct *reader) {
  if (!bpf_core_field_exists(reader->nsproxy->time_ns))
    return 0;
  struct timespec64 *offset = &reader->nsproxy->time_ns->offsets.boottime;
  return (__u64)offset->tv_sec * 1000000000 + (__u64)offset->tv_nsec;
}

#endif
