// SPDX-License-Identifier: (MIT OR GPL-2.0-only)
/*
 * All programs in one object: libbpf reads the kernel's BTF once, which takes
 * longer than all the rest.  Those of a probe that is not wanted, or that the
 * kernel refuses, are not loaded.
 */
#include "blockio.bpf.c"
#include "life.bpf.c"
#include "sched.bpf.c"
#include "syscalls.bpf.c"
#include "tasks.bpf.c"
#include "tcpconnect.bpf.c"

char LICENSE[] SEC("license") = "Dual MIT/GPL";
