/* SPDX-License-Identifier: (MIT OR GPL-2.0-only) */
/* Times to buckets, as proctrace.h has them. */
#ifndef PROCTRACE_HISTOGRAM_BPF_H
#define PROCTRACE_HISTOGRAM_BPF_H

/* Branches, for BPF has no instruction that counts zeros. */
static __always_inline __u32 log2_of(__u64 value) {
  __u32 log = 0;
  if (value >> 32) {
    value >>= 32;
    log += 32;
  }
  if (value >> 16) {
    value >>= 16;
    log += 16;
  }
  if (value >> 8) {
    value >>= 8;
    log += 8;
  }
  if (value >> 4) {
    value >>= 4;
    log += 4;
  }
  if (value >> 2) {
    value >>= 2;
    log += 2;
  }
  return log + (__u32)(value >> 1);
}

static __always_inline __u32 bucket_of(__u64 ns) {
  __u64 units = ns >> BUCKET_UNIT_SHIFT;
  if (units < 8)
    return (__u32)units;
  __u32 log = log2_of(units);
  __u32 bucket = (log - 2) * 8 + ((units >> (log - 3)) & 7);
  return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

#endif
