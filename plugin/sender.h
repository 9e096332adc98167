/* SPDX-License-Identifier: MIT */
/*
 * Value lists on their way to collectd.
 *
 * All of a read have one time, and one plugin_instance until the next is named.
 */
#ifndef PROCTRACE_SENDER_H
#define PROCTRACE_SENDER_H

#include "report.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/core/daemon/plugin.h>

#include <stdint.h>

/* One read. */
struct sender {
  struct report *report;
  const struct probes *probes; /* NULL: none runs */
  value_list_t list;
  meta_data_t *meta; /* of the process that is told, for one of its lists */
  size_t sent;
};

void name_instance(struct sender *sender, const char *instance);

/* A DERIVE is signed: after 2^63 ours start anew at 0. */
static inline value_t derive_of(uint64_t counter) {
  return (value_t){.derive = (derive_t)(counter & INT64_MAX)};
}

void send_list(struct sender *sender, const char *type,
               const char *type_instance, value_t *values, size_t n);
void send_gauge(struct sender *sender, const char *type,
                const char *type_instance, double value);
void send_counter(struct sender *sender, const char *type,
                  const char *type_instance, uint64_t value);

#endif
