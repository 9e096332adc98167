/* SPDX-License-Identifier: MIT
 *
 * A live table of the busiest processes as collectd knows them: every value
 * comes out of collectd's cache through its unixsock plugin, none from /proc.
 *
 *   top [-i interval] [-s seconds] [-t title] [-n note] [-m] SOCKET
 *
 * -s ends it (default: never), -n is one more line above the table, -m is for
 * no colour. It ends with 0 if it has shown a process.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
  PART_MAX_LEN = 128, /* of an identifier, as in collectd */
  NAME_MAX_LEN = 6 * PART_MAX_LEN,
  VALUES_MAX = 4, /* more data sources than any of our types has */
  DEFAULT_ROWS = 15,
  DEFAULT_COLUMNS = 100,
  TITLE_ROWS = 6,
};

enum column {
  CPU,
  RSS,
  VOLUNTARY,
  INVOLUNTARY,
  READ,
  WRITTEN,
  CALLS,
  /* From here on times, of which only the longest of several counts. */
  CALL_TIME,
  RUNQUEUE,
  DISK,
  CONNECT,
  COLUMNS_NUM,
};

/* Which data source of which series stands, or is added, in which column. */
static const struct cell {
  const char *series; /* type-type_instance */
  int source;
  enum column column;
  double scale;
} cells[] = {
    {"ps_cputime", 0, CPU, 1e-4}, /* µs a second -> percent */
    {"ps_cputime", 1, CPU, 1e-4},
    {"ps_rss", 0, RSS, 1},
    {"contextswitch-voluntary", 0, VOLUNTARY, 1},
    {"contextswitch-involuntary", 0, INVOLUNTARY, 1},
    {"disk_octets", 0, READ, 1},
    {"disk_octets", 1, WRITTEN, 1},
    {"operations-syscalls", 0, CALLS, 1},
    {"latency-syscall-p99", 0, CALL_TIME, 1},
    {"latency-runqueue-p99", 0, RUNQUEUE, 1},
    {"latency-blockio_read-p99", 0, DISK, 1},
    {"latency-blockio_write-p99", 0, DISK, 1},
    {"latency-tcpconnect-p99", 0, CONNECT, 1},
};
enum { CELLS_NUM = sizeof(cells) / sizeof(cells[0]) };

struct process {
  char instance[PART_MAX_LEN]; /* <command>-<pid> */
  double values[COLUMNS_NUM];  /* NaN: not known (yet) */
  /* The state and the wait channel of most of its threads, and how many. */
  char state[PART_MAX_LEN];
  double state_threads;
  char wchan[PART_MAX_LEN];
  double wchan_threads;
};

struct frame {
  struct process *processes;
  size_t processes_num;
  double load[3], available, total, duration;
  char source[16]; /* of the values of processes */
};

struct series {
  double time;
  char name[NAME_MAX_LEN]; /* host/plugin-plugin_instance/type-type_instance */
};

struct screen {
  bool terminal, colour;
  int rows, columns;
};

static void fail(const char *what) {
  fprintf(stderr, "top: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void *resize(void *memory, size_t num, size_t size) {
  memory = realloc(memory, num * size);
  if (memory == NULL)
    fail("memory");
  return memory;
}

/* collectd ------------------------------------------------------------------*/

static FILE *collectd_connect(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);

  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 ||
      connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
    fail(path);
  FILE *stream = fdopen(fd, "r+");
  if (stream == NULL)
    fail(path);
  return stream;
}

/* Sends one command; the number of lines that follow, negative for none. */
__attribute__((format(printf, 2, 3))) static int
collectd_ask(FILE *collectd, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(collectd, format, arguments);
  va_end(arguments);

  char line[1024];
  /* A stream may turn from writing to reading only after a flush. */
  if (fflush(collectd) != 0 || !fgets(line, sizeof(line), collectd))
    fail("collectd");
  return (int)strtol(line, NULL, 10);
}

/* All series of the plugin proctrace that are as new as the newest one. */
static size_t collectd_list(FILE *collectd, double interval,
                            struct series **list) {
  int lines = collectd_ask(collectd, "LISTVAL\n");
  size_t num = 0;
  double newest = 0;
  *list = resize(NULL, lines > 0 ? (size_t)lines : 1, sizeof(**list));
  for (int i = 0; i < lines; i++) {
    struct series *series = *list + num;
    char line[NAME_MAX_LEN + 64];
    if (!fgets(line, sizeof(line), collectd))
      fail("collectd");
    if (sscanf(line, "%lf %767[^\n]", &series->time, series->name) != 2 ||
        !strstr(series->name, "/proctrace-"))
      continue;
    newest = fmax(newest, series->time);
    num++;
  }

  /* collectd keeps what has ended for two more intervals. */
  size_t kept = 0;
  for (size_t i = 0; i < num; i++)
    if ((*list)[i].time > newest - 1.5 * interval)
      (*list)[kept++] = (*list)[i];
  return kept;
}

/* The values of a series; NaN where collectd has no rate yet. */
static void collectd_get(FILE *collectd, const char *name,
                         double values[VALUES_MAX]) {
  for (int i = 0; i < VALUES_MAX; i++)
    values[i] = NAN;
  int lines = collectd_ask(collectd, "GETVAL \"%s\"\n", name);
  for (int i = 0; i < lines; i++) {
    char line[256];
    if (!fgets(line, sizeof(line), collectd))
      fail("collectd");
    const char *equals = strchr(line, '=');
    if (equals && i < VALUES_MAX)
      values[i] = strtod(equals + 1, NULL);
  }
}

/* What a series tells -------------------------------------------------------*/

static struct process *frame_process(struct frame *frame,
                                     const char *instance) {
  for (size_t i = frame->processes_num; i-- > 0;)
    if (strcmp(frame->processes[i].instance, instance) == 0)
      return &frame->processes[i];

  frame->processes = resize(frame->processes, frame->processes_num + 1,
                            sizeof(*frame->processes));
  struct process *process = &frame->processes[frame->processes_num++];
  *process = (struct process){.state = "?", .wchan = "-"};
  snprintf(process->instance, sizeof(process->instance), "%s", instance);
  for (int i = 0; i < COLUMNS_NUM; i++)
    process->values[i] = NAN;
  return process;
}

/* A process is <name>-<pid>; a group's name never ends so. */
static const char *instance_pid(const char *instance) {
  const char *dash = strrchr(instance, '-');
  if (!dash || !dash[1] || dash[1 + strspn(dash + 1, "0123456789")])
    return NULL;
  return dash + 1;
}

static bool is_cell(const char *series) {
  for (size_t i = 0; i < CELLS_NUM; i++)
    if (strcmp(cells[i].series, series) == 0)
      return true;
  return false;
}

static void cell_take(const struct cell *cell, double value,
                      struct process *process) {
  double *shown = &process->values[cell->column];
  value *= cell->scale;
  if (cell->column >= CALL_TIME)
    *shown = fmax(*shown, value); /* of NaN and a number: the number */
  else
    *shown = value + (isnan(*shown) ? 0 : *shown);
}

static void process_take(struct process *process, const char *series,
                         const double values[VALUES_MAX]) {
  for (size_t i = 0; i < CELLS_NUM; i++)
    if (strcmp(cells[i].series, series) == 0)
      cell_take(&cells[i], values[cells[i].source], process);

  double threads = values[0];
  if (strncmp(series, "threads-wchan-", 14) == 0 &&
      threads > process->wchan_threads) {
    process->wchan_threads = threads;
    snprintf(process->wchan, sizeof(process->wchan), "%s", series + 14);
  }
  if (strncmp(series, "ps_state-", 9) != 0)
    return;
  /* One running thread is what matters of a process with many. */
  if (strcmp(series + 9, "running") == 0 && threads > 0)
    threads = INFINITY;
  if (threads > process->state_threads) {
    process->state_threads = threads;
    snprintf(process->state, sizeof(process->state), "%s", series + 9);
  }
}

static void host_take(struct frame *frame, const char *series,
                      const double values[VALUES_MAX]) {
  if (strcmp(series, "load") == 0)
    memcpy(frame->load, values, sizeof(frame->load));
  else if (strcmp(series, "memory-available") == 0)
    frame->available = values[0];
  else if (strcmp(series, "memory-total") == 0)
    frame->total = values[0];
  else if (strcmp(series, "duration-read") == 0)
    frame->duration = values[0];
  else if (strncmp(series, "gauge-source_", 13) == 0)
    snprintf(frame->source, sizeof(frame->source), "%.15s", series + 13);
}

static void frame_take(struct frame *frame, FILE *collectd, const char *name) {
  char instance[PART_MAX_LEN], series[PART_MAX_LEN];
  if (sscanf(name, "%*[^/]/proctrace-%127[^/]/%127s", instance, series) != 2)
    return;

  double values[VALUES_MAX];
  if (strcmp(instance, "host") == 0 || strcmp(instance, "self") == 0) {
    collectd_get(collectd, name, values);
    host_take(frame, series, values);
  } else if (instance_pid(instance) &&
             (is_cell(series) || strncmp(series, "ps_state-", 9) == 0 ||
              strncmp(series, "threads-wchan-", 14) == 0)) {
    collectd_get(collectd, name, values);
    process_take(frame_process(frame, instance), series, values);
  }
}

/* The table -----------------------------------------------------------------*/

/* Most CPU time first, then most system calls, then most memory; what is not
 * known comes last. */
static int by_use(const void *left, const void *right) {
  static const enum column order[] = {CPU, CALLS, RSS};
  const double *a = ((const struct process *)left)->values;
  const double *b = ((const struct process *)right)->values;
  for (size_t n = 0; n < sizeof(order) / sizeof(order[0]); n++) {
    enum column i = order[n];
    double x = isnan(a[i]) ? -1 : a[i], y = isnan(b[i]) ? -1 : b[i];
    if (x != y)
      return x < y ? 1 : -1;
  }
  return 0;
}

/* 1023, 1.5K, 23M: four characters or less, "-" for what is not known. */
static const char *human(double value, double thousand, char text[16]) {
  static const char units[] = " KMGTPE";
  size_t unit = 0;
  if (isnan(value))
    return "-";
  for (; value >= 999.5 && unit + 2 < sizeof(units); unit++)
    value /= thousand;
  if (unit == 0)
    snprintf(text, 16, "%.0f", value);
  else
    snprintf(text, 16, value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[unit]);
  return text;
}

/* 850us, 1.2ms, 23ms, 4.0s: five characters or less. */
static const char *human_time(double seconds, char text[16]) {
  static const char *const units[] = {"s", "ms", "us", "ns"};
  size_t unit = 0;
  if (isnan(seconds))
    return "-";
  for (; seconds < 0.9995 && unit + 1 < sizeof(units) / sizeof(units[0]);
       unit++)
    seconds *= 1000;
  snprintf(text, 16, seconds < 9.95 ? "%.1f%s" : "%.0f%s", seconds,
           units[unit]);
  return text;
}

/* The plugin tells all waits up to this one as this one. */
#define RUNQUEUE_LEAST 0.0001
static const char *human_wait(double seconds, char text[16]) {
  return seconds <= RUNQUEUE_LEAST * 1.001 ? "<.1ms"
                                           : human_time(seconds, text);
}

static const char *human_percent(double percent, char text[16]) {
  if (isnan(percent))
    return "-";
  snprintf(text, 16, percent < 999.95 ? "%.1f" : "%.0f", percent);
  return text;
}

static void screen_line(const struct screen *screen, const char *colour,
                        const char *line) {
  bool coloured = screen->colour && *colour;
  printf("%s%.*s%s\n", coloured ? colour : "", screen->columns, line,
         coloured ? "\033[0m" : "");
}

/* States by the letter that ps(1) has for them. */
static const struct {
  const char *name;
  char letter;
  const char *colour;
} states[] = {
    {"running", 'R', "\033[32m"},
    {"sleeping", 'S', ""},
    {"blocked", 'D', "\033[31m"},
    {"stopped", 'T', ""},
    {"zombies", 'Z', "\033[31m"},
    {"idle", 'I', ""},
    {"?", '?', ""},
};

static size_t find_state(const char *name) {
  size_t i = 0;
  while (i + 1 < sizeof(states) / sizeof(states[0]) &&
         strcmp(states[i].name, name) != 0)
    i++;
  return i;
}

static void show_process(const struct screen *screen,
                         const struct process *process) {
  const double *values = process->values;
  const char *pid = instance_pid(process->instance);
  size_t state = find_state(process->state);
  char line[1024], text[COLUMNS_NUM][16];
  snprintf(line, sizeof(line),
           "%7s %-15.*s %c %4s %5s %4s %4s %4s %5s %5s %6s %5s %5s %5s  %s",
           pid, (int)(pid - 1 - process->instance), process->instance,
           states[state].letter, human(values[RSS], 1024, text[RSS]),
           human_percent(values[CPU], text[CPU]),
           human(values[VOLUNTARY], 1000, text[VOLUNTARY]),
           human(values[INVOLUNTARY], 1000, text[INVOLUNTARY]),
           human(values[READ], 1024, text[READ]),
           human(values[WRITTEN], 1024, text[WRITTEN]),
           human(values[CALLS], 1000, text[CALLS]),
           human_time(values[CALL_TIME], text[CALL_TIME]),
           human_wait(values[RUNQUEUE], text[RUNQUEUE]),
           human_time(values[DISK], text[DISK]),
           human_time(values[CONNECT], text[CONNECT]), process->wchan);
  screen_line(screen, states[state].colour, line);
}

static void show(const struct screen *screen, const struct frame *frame,
                 const char *title, const char *note) {
  char line[1024], clock[16], available[16], total[16];
  time_t now = time(NULL);
  struct tm local;
  strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));

  if (screen->terminal)
    printf("\033[H\033[J");
  snprintf(line, sizeof(line), "proctrace %s  %s", clock, title);
  screen_line(screen, "\033[1m", line);
  snprintf(line, sizeof(line),
           "load %.2f %.2f %.2f  memory %s available of %s  "
           "%zu processes reported, by %s in %.1f ms",
           frame->load[0], frame->load[1], frame->load[2],
           human(frame->available, 1024, available),
           human(frame->total, 1024, total), frame->processes_num,
           frame->source, frame->duration * 1e3);
  screen_line(screen, "", line);
  if (*note)
    screen_line(screen, "", note);
  screen_line(screen, "\033[7m",
              "                                     "
              "-------- a second --------   "
              "---- p99 time of -----       ");
  screen_line(screen, "\033[7m",
              "    PID COMMAND         S  RSS  CPU% VCSW ICSW READ WRITE "
              "CALLS   CALL  RUNQ  DISK  CONN  WCHAN");
  for (size_t i = 0; i < frame->processes_num && (int)i < screen->rows; i++)
    show_process(screen, &frame->processes[i]);
  if (!screen->terminal)
    printf("\n");
  fflush(stdout);
}

static struct screen screen_open(bool colour) {
  struct screen screen = {.rows = DEFAULT_ROWS, .columns = DEFAULT_COLUMNS};
  struct winsize size;
  screen.terminal =
      isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  screen.colour = screen.terminal && colour;
  if (screen.terminal && size.ws_col > 0 && size.ws_row > TITLE_ROWS) {
    screen.columns = size.ws_col;
    screen.rows = size.ws_row - TITLE_ROWS;
  }
  return screen;
}

static bool show_now(FILE *collectd, double interval, bool colour,
                     const char *title, const char *note) {
  struct screen screen = screen_open(colour);
  struct frame frame = {.available = NAN, .total = NAN};
  struct series *list;
  size_t num = collectd_list(collectd, interval, &list);
  for (size_t i = 0; i < num; i++)
    frame_take(&frame, collectd, list[i].name);
  if (frame.processes_num > 0) {
    qsort(frame.processes, frame.processes_num, sizeof(*frame.processes),
          by_use);
    show(&screen, &frame, title, note);
  }
  free(list);
  free(frame.processes);
  return frame.processes_num > 0;
}

int main(int argc, char **argv) {
  double interval = 1, seconds = INFINITY;
  const char *title = "", *note = "";
  bool colour = true;
  for (int option; (option = getopt(argc, argv, "i:s:t:n:m")) != -1;) {
    switch (option) {
    case 'i':
      interval = strtod(optarg, NULL);
      break;
    case 's':
      seconds = strtod(optarg, NULL);
      break;
    case 't':
      title = optarg;
      break;
    case 'n':
      note = optarg;
      break;
    case 'm':
      colour = false;
      break;
    default:
      return 2;
    }
  }
  if (optind + 1 != argc || !(interval > 0)) {
    fprintf(stderr,
            "usage: %s [-i interval] [-s seconds] [-t title] [-n note] [-m] "
            "SOCKET\n",
            argv[0]);
    return 2;
  }

  FILE *collectd = collectd_connect(argv[optind]);
  struct timespec pause = {.tv_sec = (time_t)interval};
  pause.tv_nsec = (long)((interval - (double)pause.tv_sec) * 1e9);
  bool shown = false;
  for (double passed = 0; passed < seconds; passed += interval) {
    nanosleep(&pause, NULL);
    shown |= show_now(collectd, interval, colour, title, note);
  }
  fclose(collectd);
  return shown ? 0 : 1;
}
