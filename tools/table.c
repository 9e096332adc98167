/* SPDX-License-Identifier: MIT */
/*
 * table markdown|roff
 * Prints the table of metrics, for the README and the man page: so that they
 * can't say another thing than the plugin does.
 */
#include "metrics.h"

#include <stdio.h>
#include <string.h>

static const char *collect_of(const struct metric *metric) {
  for (size_t i = 0; i < collect_name_count; i++)
    if (collect_names[i].group == metric->group)
      return collect_names[i].name;
  return "always";
}

static const char *kind_of(const struct metric *metric) {
  return field_is_counter(metric->fields[0]) ? "counter" : "gauge";
}

static void print_scopes(const struct metric *metric) {
  static const struct {
    enum scope scope;
    const char *name;
  } names[] = {{SCOPE_PROCESS, "process"},
               {SCOPE_GROUP, "group"},
               {SCOPE_THREAD, "thread"},
               {SCOPE_OTHER, "other"}};
  const char *separator = "";
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (!(metric->scopes & names[i].scope))
      continue;
    printf("%s%s", separator, names[i].name);
    separator = ", ";
  }
}

static void print_identifier(const struct metric *metric) {
  printf("%s%s%s", metric->type, metric->type_instance[0] == '\0' ? "" : "-",
         metric->type_instance);
}

static void print_markdown(const struct metric *metric) {
  printf("| `");
  print_identifier(metric);
  printf("` | %s | %s, %s | %s | ", metric->help, kind_of(metric), metric->unit,
         collect_of(metric));
  print_scopes(metric);
  printf(" |\n");
}

static void print_roff(const struct metric *metric) {
  printf(".TP\n.B ");
  print_identifier(metric);
  printf("\n%s: %s, %s.  Collect: %s.  Of: ", metric->help, kind_of(metric),
         strcmp(metric->unit, "µs") == 0 ? "microseconds" : metric->unit,
         collect_of(metric));
  print_scopes(metric);
  printf(".\n");
}

int main(int argc, char **argv) {
  bool markdown = argc == 2 && strcmp(argv[1], "markdown") == 0;
  if (!markdown && (argc != 2 || strcmp(argv[1], "roff") != 0)) {
    fprintf(stderr, "usage: table markdown|roff\n");
    return 2;
  }
  if (markdown)
    printf("| identifier | meaning | kind, unit | Collect | of |\n"
           "|---|---|---|---|---|\n");
  for (size_t i = 0; i < metric_count; i++)
    markdown ? print_markdown(&metrics[i]) : print_roff(&metrics[i]);
  return 0;
}
