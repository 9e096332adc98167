/* SPDX-License-Identifier: MIT */
#include "sender.h"

#include <string.h>

/* Our names are far shorter than DATA_MAX_NAME_LEN; a daemon that was built
 * with a smaller one gets them cut. */
static void copy_name(char out[DATA_MAX_NAME_LEN], const char *name) {
  size_t n = strnlen(name, DATA_MAX_NAME_LEN - 1);
  memcpy(out, name, n);
  out[n] = '\0';
}

void name_instance(struct sender *sender, const char *instance) {
  copy_name(sender->list.plugin_instance, instance);
}

void send_list(struct sender *sender, const char *type,
               const char *type_instance, value_t *values, size_t n) {
  sender->list.values = values;
  sender->list.values_len = n;
  copy_name(sender->list.type, type);
  copy_name(sender->list.type_instance, type_instance);
  if (plugin_dispatch_values(&sender->list) == 0)
    sender->sent++;
  else
    sender->report->not_dispatched++;
}

void send_gauge(struct sender *sender, const char *type,
                const char *type_instance, double value) {
  send_list(sender, type, type_instance, &(value_t){.gauge = value}, 1);
}

void send_counter(struct sender *sender, const char *type,
                  const char *type_instance, uint64_t value) {
  value_t counter = derive_of(value);
  send_list(sender, type, type_instance, &counter, 1);
}
