/* SPDX-License-Identifier: MIT */
/*
 * table markdown|roff
 * Prints the table of metrics, for the README and the man page: so that they
 * can't say another thing than the plugin does.
 */
#include "metrics.h"

#include <stdio.h>
#include <string.h>

/* A row of either table. */
struct row {
  const char *type, *type_instance, *help, *kind, *unit;
  char asked_by[40]; /* the option that asks for it */
  unsigned scopes;
};

static const char *collect_of(unsigned group) {
  for (size_t i = 0; i < collect_name_count; i++)
    if (collect_names[i].group == group)
      return collect_names[i].name;
  return "always";
}

static struct row row_of(const struct metric *metric) {
  struct row row = {
      .type = metric->type,
      .type_instance = metric->type_instance,
      .help = metric->help,
      .kind = field_is_counter(metric->fields[0]) ? "counter" : "gauge",
      .unit = metric->unit,
      .scopes = metric->scopes,
  };
  snprintf(row.asked_by, sizeof(row.asked_by), "%s", collect_of(metric->group));
  return row;
}

static struct row row_of_probe(const struct probe_metric *metric) {
  struct row row = {
      .type = metric->type,
      .type_instance = metric->type_instance,
      .help = metric->help,
      .kind = metric->row == ROW_PERCENTILES ? "gauge" : "counter",
      .unit = metric->unit,
      .scopes = metric->scopes,
  };
  int probe = 0;
  while (!(metric->needs & PROBE_BIT(probe)))
    probe++;
  snprintf(row.asked_by, sizeof(row.asked_by), "%sProbe %s",
           metric->needs & NEEDS_HISTOGRAM ? "histogram, " : "",
           probe_names[probe]);
  return row;
}

static void print_scopes(unsigned scopes) {
  static const struct {
    enum scope scope;
    const char *name;
  } names[] = {{SCOPE_PROCESS, "process"},
               {SCOPE_GROUP, "group"},
               {SCOPE_THREAD, "thread"},
               {SCOPE_OTHER, "other"},
               {SCOPE_HOST, "host"}};
  const char *separator = "";
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (!(scopes & names[i].scope))
      continue;
    printf("%s%s", separator, names[i].name);
    separator = ", ";
  }
}

static void print_identifier(struct row row) {
  printf("%s%s%s", row.type, row.type_instance[0] == '\0' ? "" : "-",
         row.type_instance);
}

static void print_markdown(struct row row) {
  printf("| `");
  print_identifier(row);
  printf("` | %s | %s, %s | %s | ", row.help, row.kind, row.unit, row.asked_by);
  print_scopes(row.scopes);
  printf(" |\n");
}

static void print_roff(struct row row) {
  printf(".TP\n.B ");
  print_identifier(row);
  printf("\n%s: %s, %s.  Collect: %s.  Of: ", row.help, row.kind,
         strcmp(row.unit, "µs") == 0 ? "microseconds" : row.unit, row.asked_by);
  print_scopes(row.scopes);
  printf(".\n");
}

int main(int argc, char **argv) {
  bool markdown = argc == 2 && strcmp(argv[1], "markdown") == 0;
  if (!markdown && (argc != 2 || strcmp(argv[1], "roff") != 0)) {
    fprintf(stderr, "usage: table markdown|roff\n");
    return 2;
  }
  void (*print)(struct row) = markdown ? print_markdown : print_roff;
  if (markdown)
    printf("| identifier | meaning | kind, unit | Collect | of |\n"
           "|---|---|---|---|---|\n");
  for (size_t i = 0; i < metric_count; i++)
    print(row_of(&metrics[i]));
  for (size_t i = 0; i < probe_metric_count; i++)
    print(row_of_probe(&probe_metrics[i]));
  return 0;
}
