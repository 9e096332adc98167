/* SPDX-License-Identifier: MIT */
#include "cputime.h"

struct cputime cputime_later(struct cputime a, struct cputime b) {
  return a.utime + a.stime >= b.utime + b.stime ? a : b;
}

struct cputime cputime_adjust(struct cputime sampled, uint64_t runtime,
                              struct cputime shown) {
  if (shown.utime + shown.stime >= runtime)
    return shown;
  uint64_t stime;
  if (sampled.stime == 0)
    stime = 0;
  else if (sampled.utime == 0)
    stime = runtime;
  else /* in 128 bits: the sum of two is never 0 */
    stime = (uint64_t)((unsigned __int128)sampled.stime * runtime /
                       ((unsigned __int128)sampled.utime + sampled.stime));
  if (stime < shown.stime)
    stime = shown.stime;
  uint64_t utime = runtime - stime;
  if (utime < shown.utime) {
    utime = shown.utime;
    stime = runtime - utime;
  }
  return (struct cputime){utime, stime};
}
