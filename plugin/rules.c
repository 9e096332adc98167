/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include "procfile.h"
#include "proctext.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool rule_is_dynamic(const struct rule *rule) {
  if (!rule->has_pattern)
    return false;
  for (const char *at = strchr(rule->name, '\\'); at != NULL;
       at = strchr(at + 1, '\\'))
    if (at[1] >= '1' && at[1] <= '9')
      return true;
  return false;
}

unsigned rule_facts(const struct rule *rule) {
  return (rule->has_pattern ? FACT_CMDLINE : 0u) |
         (rule->has_user ? FACT_USER : 0u) |
         (rule->cgroup != NULL ? FACT_CGROUP : 0u) |
         (rule->executable != NULL ? FACT_EXECUTABLE : 0u);
}

bool rule_may_match(const struct rule *rule, const struct task *task) {
  if (rule->command != NULL && strcmp(rule->command, task->comm) != 0)
    return false;
  if (rule->pid_file != NULL && !rule->has_pid)
    return false;
  return !rule->has_pid || rule->pid == task->pid;
}

/* "4:memory:/a/b" or "0::/a/b": is one of the lines at or below `path`? */
static bool in_cgroup(const char *lines, const char *path) {
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/')
    length--;
  for (const char *line = lines; line != NULL && *line != '\0';) {
    const char *end = strchr(line, '\n');
    const char *at = strchr(line, ':');
    at = at == NULL ? NULL : strchr(at + 1, ':');
    if (at != NULL && (end == NULL || at < end) &&
        strncmp(at + 1, path, length) == 0 &&
        (length == 1 || strchr("/\n", at[1 + length]) != NULL))
      return true;
    line = end == NULL ? NULL : end + 1;
  }
  return false;
}

/* The kernel appends this once the file was replaced, by an upgrade say. */
static bool same_executable(const char *link, const char *path) {
  size_t length = strlen(path);
  return strncmp(link, path, length) == 0 &&
         (link[length] == '\0' || strcmp(link + length, " (deleted)") == 0);
}

static void expand(char *out, size_t size, const char *name, const char *text,
                   const regmatch_t matches[RULE_MATCHES]) {
  size_t n = 0;
  for (; *name != '\0' && n < size - 1; name++) {
    if (name[0] != '\\' || name[1] < '1' || name[1] > '9') {
      out[n++] = *name;
      continue;
    }
    const regmatch_t *match = &matches[*++name - '0'];
    for (regoff_t i = match->rm_so; i >= 0 && i < match->rm_eo && n < size - 1;
         i++)
      out[n++] = text[i];
  }
  out[n] = '\0';
}

/*
 * glibc has one answer for "no match" and "no memory", and after the latter its
 * automaton lacks states and matches less for good: it is made anew.
 */
static enum verdict match(struct rule *rule, const char *text,
                          regmatch_t matches[RULE_MATCHES]) {
  if (rule->spoilt)
    rule->spoilt = regcomp(&rule->pattern, rule->text, REG_EXTENDED) != 0;
  if (rule->spoilt)
    return RULE_OPEN;
  errno = 0;
  if (regexec(&rule->pattern, text, RULE_MATCHES, matches, 0) == 0)
    return RULE_HOLDS;
  if (errno != ENOMEM)
    return RULE_FAILS;
  regfree(&rule->pattern);
  rule->spoilt = true;
  return RULE_OPEN;
}

enum verdict rule_judge(struct rule *rule, const struct task *task,
                        const struct facts *facts, char *name, size_t size) {
  unsigned needed = rule_facts(rule);
  if (!rule_may_match(rule, task))
    return RULE_FAILS;
  if ((facts->known & needed) != needed)
    return facts->failed & needed ? RULE_OPEN : RULE_FAILS;
  if (rule->has_user && rule->user != facts->user)
    return RULE_FAILS;
  if (rule->cgroup != NULL && !in_cgroup(facts->cgroups, rule->cgroup))
    return RULE_FAILS;
  if (rule->executable != NULL &&
      !same_executable(facts->executable, rule->executable))
    return RULE_FAILS;
  regmatch_t matches[RULE_MATCHES] = {0};
  if (rule->has_pattern) {
    /* Who has no arguments, as kernel threads, is known by its command. */
    const char *text = facts->cmdline[0] != '\0' ? facts->cmdline : task->comm;
    enum verdict verdict = match(rule, text, matches);
    if (verdict != RULE_HOLDS)
      return verdict;
    expand(name, size, rule->name, text, matches);
  } else {
    snprintf(name, size, "%s", rule->name);
  }
  return RULE_HOLDS;
}

/* Whoever may write there must not be able to hold us with a FIFO, nor with a
 * link to a file that never answers (/proc/PID/cmdline does not while the
 * process holds its lock).  False, and errno: 0 where it is there and says
 * nothing. */
static bool read_pid_file(const char *path, pid_t *pid) {
  int fd =
      open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
  if (fd < 0)
    return false;
  char text[32];
  ssize_t n = read(fd, text, sizeof(text));
  int error = n < 0 ? errno : 0;
  close(fd);
  errno = error;
  if (n <= 0)
    return false;
  /* The first line; some daemons, as PostgreSQL, write more. */
  const char *newline = memchr(text, '\n', (size_t)n);
  size_t length = newline == NULL ? (size_t)n : (size_t)(newline - text);
  uint64_t number;
  if (length == sizeof(text) || !parse_number(text, length, &number) ||
      number == 0 || number > INT32_MAX)
    return false;
  *pid = (pid_t)number;
  return true;
}

bool rule_refresh(struct rule *rule) {
  if (rule->pid_file == NULL)
    return false;
  pid_t before = rule->has_pid ? rule->pid : 0;
  bool read = read_pid_file(rule->pid_file, &rule->pid);
  rule->has_pid = read || (rule->has_pid && error_may_pass(errno));
  return (rule->has_pid ? rule->pid : 0) != before;
}

void rule_free(struct rule *rule) {
  free(rule->name);
  free(rule->command);
  free(rule->pid_file);
  free(rule->cgroup);
  free(rule->executable);
  free(rule->text);
  if (rule->has_pattern && !rule->spoilt)
    regfree(&rule->pattern);
}
