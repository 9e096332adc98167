/* SPDX-License-Identifier: MIT */
/*
 * The table of metrics against collectd's types.db and against itself.
 */
#include "unit.h"

#include "../plugin/types_db.h"
#include "metrics.h"

#include <collectd/core/daemon/plugin.h>

#include <string.h>

static size_t values_of(const struct metric *metric) {
  return metric->fields[1] == FIELD_COUNT ? 1 : 2;
}

static const struct data_type *type_of(const char *name) {
  const struct data_type *type = types_db_find(name);
  if (type == NULL)
    fail_msg("types.db has no %s", name);
  return type;
}

static void every_type_fits_its_fields(void **state) {
  (void)state;
  for (size_t i = 0; i < metric_count; i++) {
    const struct metric *metric = &metrics[i];
    const struct data_type *type = type_of(metric->type);
    if (type->sources_num != values_of(metric))
      fail_msg("%s has %zu values", metric->type, type->sources_num);
    for (size_t v = 0; v < type->sources_num; v++) {
      assert_true(metric->fields[v] < FIELD_COUNT);
      int kind =
          field_is_counter(metric->fields[v]) ? DS_TYPE_DERIVE : DS_TYPE_GAUGE;
      if (type->sources[v].kind != kind)
        fail_msg("%s-%s, value %zu, is of another kind", metric->type,
                 metric->type_instance, v);
    }
  }
}

static void no_identifier_twice(void **state) {
  (void)state;
  for (size_t i = 0; i < metric_count; i++)
    for (size_t j = 0; j < i; j++)
      if (strcmp(metrics[i].type, metrics[j].type) == 0 &&
          strcmp(metrics[i].type_instance, metrics[j].type_instance) == 0 &&
          (metrics[i].scopes & metrics[j].scopes) != 0)
        fail_msg("%s-%s twice", metrics[i].type, metrics[i].type_instance);
}

/* Ours: report.c sends these beside the table. */
static void no_row_takes_a_reserved_identifier(void **state) {
  (void)state;
  for (size_t i = 0; i < metric_count; i++) {
    assert_string_not_equal(metrics[i].type, "threads");
    assert_string_not_equal(metrics[i].type, "total_events");
  }
}

static void every_field_is_told_once(void **state) {
  (void)state;
  unsigned told[FIELD_COUNT] = {0};
  for (size_t i = 0; i < metric_count; i++)
    for (size_t v = 0; v < values_of(&metrics[i]); v++)
      told[metrics[i].fields[v]]++;
  for (int f = 0; f < FIELD_COUNT; f++)
    if (told[f] != 1)
      fail_msg("field %d stands in %u rows", f, told[f]);
}

static void rows_are_complete(void **state) {
  (void)state;
  const unsigned scopes =
      SCOPE_PROCESS | SCOPE_GROUP | SCOPE_THREAD | SCOPE_OTHER;
  for (size_t i = 0; i < metric_count; i++) {
    const struct metric *metric = &metrics[i];
    assert_true(metric->scale > 0);
    assert_true(strlen(metric->unit) > 0);
    assert_true(strlen(metric->help) > 0);
    assert_true(metric->scopes != 0 && (metric->scopes & ~scopes) == 0);
    /* One group each, and one that the operator can ask for. */
    bool known = metric->group == GROUP_BASIC;
    for (size_t j = 0; j < collect_name_count; j++)
      known |= metric->group == (unsigned)collect_names[j].group;
    assert_true(known);
    /* Of `other` only stat is read. */
    if (metric->scopes & SCOPE_OTHER)
      for (size_t v = 0; v < values_of(metric); v++)
        assert_true(metric->fields[v] < STAT_COUNTER_COUNT ||
                    metric->fields[v] == FIELD_PROCESSES ||
                    metric->fields[v] == FIELD_THREADS ||
                    metric->fields[v] == FIELD_VM);
  }
}

static void counters_are_not_scaled(void **state) {
  (void)state;
  for (size_t i = 0; i < metric_count; i++)
    for (size_t v = 0; v < values_of(&metrics[i]); v++)
      if (field_is_counter(metrics[i].fields[v]))
        assert_true(metrics[i].scale == 1);
}

/* --- rows of probes --- */

static bool is_gauge(const struct probe_metric *metric) {
  return metric->row == ROW_PERCENTILES;
}

static void probe_rows_fit_their_types(void **state) {
  (void)state;
  for (size_t i = 0; i < probe_metric_count; i++) {
    const struct probe_metric *metric = &probe_metrics[i];
    const struct data_type *type = type_of(metric->type);
    assert_int_equal(type->sources_num, 1);
    if (type->sources[0].kind !=
        (is_gauge(metric) ? DS_TYPE_GAUGE : DS_TYPE_DERIVE))
      fail_msg("%s-%s is of another kind", metric->type, metric->type_instance);
  }
}

static void probe_rows_are_complete(void **state) {
  (void)state;
  const unsigned scopes = SCOPE_PROCESS | SCOPE_GROUP | SCOPE_HOST;
  for (size_t i = 0; i < probe_metric_count; i++) {
    const struct probe_metric *metric = &probe_metrics[i];
    assert_true(strlen(metric->type_instance) > 0);
    assert_true(strlen(metric->unit) > 0);
    assert_true(strlen(metric->help) > 0);
    assert_true(metric->scopes != 0 && (metric->scopes & ~scopes) == 0);
    /* Of one probe each. */
    unsigned probe = metric->needs & (PROBE_BIT(PROBES) - 1);
    assert_true(probe != 0 && (probe & (probe - 1)) == 0);
    bool of_latency =
        metric->row == ROW_PERCENTILES || metric->row == ROW_BUCKETS;
    assert_true(metric->index <
                (of_latency ? (unsigned)LATENCIES : (unsigned)PROBE_COUNTERS));
    assert_int_equal(metric->row == ROW_BUCKETS,
                     (metric->needs & NEEDS_HISTOGRAM) != 0);
    /* What there are several of has a place for its name. */
    bool several =
        metric->row != ROW_COUNTER && metric->row != ROW_COUNTER_IF_ANY;
    assert_int_equal(several, strchr(metric->type_instance, '<') != NULL);
  }
}

static void every_counter_of_probes_is_told_once(void **state) {
  (void)state;
  unsigned told[PROBE_COUNTERS] = {0}, latencies[LATENCIES] = {0};
  for (size_t i = 0; i < probe_metric_count; i++) {
    const struct probe_metric *metric = &probe_metrics[i];
    if (metric->row == ROW_COUNTER || metric->row == ROW_COUNTER_IF_ANY)
      told[metric->index]++;
    if (metric->row == ROW_PERCENTILES)
      latencies[metric->index]++;
  }
  for (int i = 0; i < PROBE_COUNTERS; i++)
    if (told[i] != 1)
      fail_msg("counter %d stands in %u rows", i, told[i]);
  for (int i = 0; i <= LATENCY_NAMED; i++)
    if (latencies[i] != 1)
      fail_msg("latency %d stands in %u rows", i, latencies[i]);
}

static void no_identifier_of_probes_twice(void **state) {
  (void)state;
  for (size_t i = 0; i < probe_metric_count; i++) {
    const struct probe_metric *row = &probe_metrics[i];
    for (size_t j = 0; j < i; j++)
      if (strcmp(row->type, probe_metrics[j].type) == 0 &&
          strcmp(row->type_instance, probe_metrics[j].type_instance) == 0)
        fail_msg("%s-%s twice", row->type, row->type_instance);
    for (size_t j = 0; j < metric_count; j++)
      if (strcmp(row->type, metrics[j].type) == 0 &&
          strcmp(row->type_instance, metrics[j].type_instance) == 0)
        fail_msg("%s-%s twice", row->type, row->type_instance);
    /* report.c sends this beside the tables. */
    assert_string_not_equal(row->type_instance, "restarts");
  }
}

static void collect_names_differ(void **state) {
  (void)state;
  unsigned all = 0;
  for (size_t i = 0; i < collect_name_count; i++) {
    assert_int_equal(all & collect_names[i].group, 0);
    all |= collect_names[i].group;
    for (size_t j = 0; j < i; j++)
      assert_string_not_equal(collect_names[i].name, collect_names[j].name);
  }
  assert_int_equal(all | GROUP_BASIC | GROUP_BLOCKED,
                   (COLLECT_HISTOGRAM << 1) - 1);
}

static void losses_are_told_and_said(void **state) {
  (void)state;
  for (int i = 0; i < LOSS_COUNT; i++) {
    const struct loss_text *text = &loss_texts[i];
    assert_non_null(text->type);
    bool gauge = strcmp(text->type, "count") == 0;
    const struct data_type *type = type_of(text->type);
    assert_int_equal(type->sources_num, 1);
    assert_int_equal(type->sources[0].kind,
                     gauge ? DS_TYPE_GAUGE : DS_TYPE_DERIVE);
    if (i != LOSS_ZOMBIES) { /* of which there is no line */
      assert_true(strlen(text->message) > 0);
      assert_null(strchr(text->message, '\n'));
    }
    for (int j = 0; j < i; j++)
      assert_string_not_equal(text->type_instance, loss_texts[j].type_instance);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_type_fits_its_fields),
      cmocka_unit_test(no_identifier_twice),
      cmocka_unit_test(no_row_takes_a_reserved_identifier),
      cmocka_unit_test(every_field_is_told_once),
      cmocka_unit_test(rows_are_complete),
      cmocka_unit_test(counters_are_not_scaled),
      cmocka_unit_test(probe_rows_fit_their_types),
      cmocka_unit_test(probe_rows_are_complete),
      cmocka_unit_test(every_counter_of_probes_is_told_once),
      cmocka_unit_test(no_identifier_of_probes_twice),
      cmocka_unit_test(collect_names_differ),
      cmocka_unit_test(losses_are_told_and_said),
  };
  return RUN(tests);
}
