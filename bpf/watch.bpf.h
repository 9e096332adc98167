/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/*
 * Whom the probes watch, and what they remember of a thread.
 */
#ifndef PROCTRACE_WATCH_BPF_H
#define PROCTRACE_WATCH_BPF_H

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 1); /* user space knows how many */
  __type(key, __u32);     /* the kernel's tgid */
  __type(value, struct watched);
} watch SEC(".maps");

/* A variable is found without a look-up. */
volatile __u32 epoch SEC(".data.epoch");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, PROBE_LOSSES);
  __type(key, __u32);
  __type(value, __u64);
} losses SEC(".maps");

/* Inside connect(): how far this call of the thread has come. */
enum connecting {
  CONNECT_NONE,
  CONNECT_BEGUN,         /* with a TCP socket that was not connected */
  CONNECT_SENT,          /* the state machine tells how it ends */
  CONNECT_FAILED_INSIDE, /* the call's own result tells why */
};

/* Freed by the kernel with its thread: nothing to clean up, no ids to reuse. */
struct thread_state {
  __u32 epoch; /* when `slot` was looked up */
  __u32 slot;
  __u64 entered;   /* when its system call began; 0: none that is timed */
  __u64 run_delay; /* of its sched_info, as far as it is counted */
  __u32 pcount;    /* likewise */
  __s16 number;    /* of that system call; -1: no native one */
  __u8 cell;       /* in which that counts */
  __u8 connecting;
};

struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct thread_state);
} threads SEC(".maps");

static __always_inline void lose(enum probe_loss why) {
  __u32 key = why;
  __u64 *lost = bpf_map_lookup_elem(&losses, &key);
  if (lost != NULL)
    __sync_fetch_and_add(lost, 1);
}

static __always_inline struct watched *find_watched(struct task_struct *task) {
  __u32 pid = task->tgid;
  struct watched *watched = bpf_map_lookup_elem(&watch, &pid);
  if (watched == NULL)
    return NULL;
  struct task_struct *leader = AT(struct task_struct, task)->group_leader;
  return leader->start_boottime - watched->start < config.tick_ns ? watched
                                                                  : NULL;
}

/* Who began what is in flight, and ends it perhaps when its slot is somebody
 * else's. */
struct beginner {
  __u32 pid, slot, epoch;
};

/* `then`: read before the look-up; what changes after it belongs to another
 * epoch. */
static __always_inline struct beginner
begin_of(struct task_struct *task, const struct watched *watched, __u32 then) {
  return (struct beginner){
      .pid = task->tgid,
      .slot = watched == NULL ? SLOT_NONE : watched->slot,
      .epoch = then,
  };
}

static __always_inline __u32 epoch_before(void) {
  __u32 then = epoch;
  read_barrier();
  return then;
}

/* Where it counts now: nowhere when it is not watched any more. */
static __always_inline __u32 slot_of(const struct beginner *beginner) {
  if (beginner->slot == SLOT_NONE || beginner->epoch == epoch)
    return beginner->slot;
  __u32 pid = beginner->pid;
  struct watched *watched = bpf_map_lookup_elem(&watch, &pid);
  return watched == NULL ? SLOT_NONE : watched->slot;
}

/* The whole host is asked for: every thread is followed. */
#define EVERYBODY (config.host_syscalls || config.host_waits)

/* Everything of it that was not watched until now counts for nobody. */
static __always_inline void begin_thread(struct thread_state *thread,
                                         struct task_struct *task) {
  thread->entered = 0;
  thread->connecting = CONNECT_NONE;
  if (bpf_core_field_exists(task->sched_info.pcount)) {
    thread->run_delay = task->sched_info.run_delay;
    thread->pcount = task->sched_info.pcount;
  }
}

/* The slot of its process as of now. */
static __noinline int renew_thread(struct thread_state *thread,
                                   struct task_struct *task) {
  if (thread == NULL)
    return 0;
  __u32 then = epoch_before();
  struct watched *watched = find_watched(task);
  if (thread->slot == SLOT_NONE && !EVERYBODY)
    begin_thread(thread, task);
  thread->slot = watched == NULL ? SLOT_NONE : watched->slot;
  thread->epoch = then;
  return 0;
}

/*
 * What is remembered of a thread, if somebody wants to know of it.  `create`
 * may allocate: not where the scheduler's locks are held, for that can deadlock
 * on Linux 6.1.
 */
static __always_inline struct thread_state *get_thread(struct task_struct *task,
                                                       bool create) {
  struct thread_state *thread = bpf_task_storage_get(&threads, task, 0, 0);
  if (thread == NULL) {
    if (!create || (!EVERYBODY && find_watched(task) == NULL))
      return NULL;
    /* Whole from its first moment: the thread may be at work on another CPU. */
    struct thread_state first = {.epoch = epoch - 1, .slot = SLOT_NONE};
    begin_thread(&first, task);
    thread = bpf_task_storage_get(&threads, task, &first,
                                  BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (thread == NULL) {
      lose(PROBE_LOSS_STORAGE);
      return NULL;
    }
  }
  if (thread->epoch != epoch)
    renew_thread(thread, task);
  return EVERYBODY || thread->slot != SLOT_NONE ? thread : NULL;
}

/* Where this CPU adds for a slot. */
static __always_inline __u32 shard_of(__u32 slot) {
  return slot * config.shards +
         (bpf_get_smp_processor_id() & (config.shards - 1));
}

/*
 * A shard of its own makes this a plain addition: the kernel runs a program
 * but once at a time on a CPU.
 */
#define ADD(cell, n)                                                           \
  do {                                                                         \
    if (config.shared_shards)                                                  \
      __sync_fetch_and_add(&(cell), (n));                                      \
    else                                                                       \
      (cell) += (n);                                                           \
  } while (0)

#endif
