/* SPDX-License-Identifier: MIT */
#include "probe_names.h"

#include "histogram.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void fill_in(char *out, size_t size, const char *name, const char *text) {
  size_t before = strcspn(name, "<");
  const char *after = strchr(name, '>');
  snprintf(out, size, "%.*s%s%s", (int)before, name, text,
           after == NULL ? "" : after + 1);
}

void name_percentile(char *out, size_t size, unsigned percent) {
  int n = snprintf(out, size, "p%u_%03u", percent / PERCENT, percent % PERCENT);
  while (out[n - 1] == '0')
    out[--n] = '\0';
  if (out[n - 1] == '_')
    out[n - 1] = '\0';
}

void name_bound(char *out, size_t size, unsigned bound) {
  uint64_t ns = histogram_bound(bound);
  snprintf(out, size, "%llu_%03u", (unsigned long long)(ns / 1000),
           (unsigned)(ns % 1000));
}

const char *name_errno(int error, char *buffer, size_t size) {
  static const struct {
    int error;
    const char *name;
  } names[] = {
      {ERRNO_ABORTED, "aborted"},
      {EACCES, "EACCES"},
      {EADDRINUSE, "EADDRINUSE"},
      {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
      {EAFNOSUPPORT, "EAFNOSUPPORT"},
      {EAGAIN, "EAGAIN"},
      {EBADF, "EBADF"},
      {ECONNABORTED, "ECONNABORTED"},
      {ECONNREFUSED, "ECONNREFUSED"},
      {ECONNRESET, "ECONNRESET"},
      {EFAULT, "EFAULT"},
      {EHOSTDOWN, "EHOSTDOWN"},
      {EHOSTUNREACH, "EHOSTUNREACH"},
      {EINTR, "EINTR"},
      {EINVAL, "EINVAL"},
      {EIO, "EIO"},
      {EMSGSIZE, "EMSGSIZE"},
      {ENETDOWN, "ENETDOWN"},
      {ENETUNREACH, "ENETUNREACH"},
      {ENOBUFS, "ENOBUFS"},
      {ENODEV, "ENODEV"},
      {ENOMEM, "ENOMEM"},
      {ENOPROTOOPT, "ENOPROTOOPT"},
      {EOPNOTSUPP, "EOPNOTSUPP"},
      {EPERM, "EPERM"},
      {EPIPE, "EPIPE"},
      {EPROTO, "EPROTO"},
      {ETIMEDOUT, "ETIMEDOUT"},
  };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    if (names[i].error == error)
      return names[i].name;
  snprintf(buffer, size, "errno%d", error);
  return buffer;
}
