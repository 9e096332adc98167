/* SPDX-License-Identifier: MIT */
#include "probes_plan.h"

#include "log.h"

#include <string.h>

/* More CPUs than this share. */
#define SHARDS_MOST 1024
/* SLOT_HOST, and one. */
#define SLOTS_LEAST 2

static bool is_named(const struct probe_setup *setup, int number) {
  for (unsigned i = 0; i < setup->named_count; i++)
    if (setup->named[i] == number)
      return true;
  return false;
}

static void find_numbers(const struct probe_options *options,
                         const struct bpf_module *module,
                         struct probe_setup *out) {
  for (unsigned i = 0; i < options->latency_of_count; i++) {
    int number = module->syscall_number(options->latency_of[i]);
    if (number < 0)
      log_error("LatencyOf \"%s\": this machine has no such system call",
                options->latency_of[i]);
    else if (!is_named(out, number))
      out->named[out->named_count++] = number;
  }
}

/* The most slots that fit, between the least and what is wanted. */
static unsigned fit_slots(const struct bpf_module *module,
                          struct probe_setup setup, uint64_t bytes) {
  unsigned low = SLOTS_LEAST, high = setup.slots;
  while (low < high) {
    setup.slots = low + (high - low + 1) / 2;
    if (module->memory_of(&setup) <= bytes)
      low = setup.slots;
    else
      high = setup.slots - 1;
  }
  return low;
}

static void fit(const struct bpf_module *module, unsigned memory_mib,
                struct probe_setup *setup) {
  uint64_t bytes = (uint64_t)memory_mib << 20;
  setup->shards_most = SHARDS_MOST;
  while (setup->shards_most > 1 && module->memory_of(setup) > bytes)
    setup->shards_most /= 2;
  if (module->memory_of(setup) <= bytes)
    return;
  unsigned wanted = setup->slots;
  setup->slots = fit_slots(module, *setup, bytes);
  log_warning(
      "%u MiB (ProbeMemory, or --memory of proctrace-bpf) are enough to "
      "probe %u processes and not %u",
      memory_mib, setup->slots - 1, wanted - 1);
}

void probes_plan(const struct probe_options *options,
                 const struct bpf_module *module, unsigned processes,
                 unsigned heirs, struct probe_setup *out) {
  *out = (struct probe_setup){
      .probes = options->wanted,
      /* Block I/O has no owner where the kernel writes back. */
      .host = options->host | PROBE_BIT(PROBE_BLOCKIO),
      .syscall_latency = options->syscall_latency,
      .slots = 1 + processes + heirs,
  };
  out->host &= out->probes;
  if (options->wanted & PROBE_BIT(PROBE_SYSCALL) && options->syscall_latency)
    find_numbers(options, module, out);
  else if (options->latency_of_count > 0)
    log_warning("LatencyOf (--latency-of) needs the probe syscall with Latency "
                "true (without --count-only): it is left out");
  fit(module, options->memory_mib, out);
}
