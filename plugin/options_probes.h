/* SPDX-License-Identifier: MIT */
/*
 * The options of the probes.
 */
#ifndef PROCTRACE_OPTIONS_PROBES_H
#define PROCTRACE_OPTIONS_PROBES_H

#include "options.h"

void probe_options_init(struct probe_options *options);
void probe_options_free(struct probe_options *options);

void read_probe(struct options *options, const struct oconfig_item_s *item);
void read_percentiles(struct options *options,
                      const struct oconfig_item_s *item);
void read_probe_memory(struct options *options,
                       const struct oconfig_item_s *item);

#endif
