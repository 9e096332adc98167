/* SPDX-License-Identifier: MIT
 *
 * A command of `probe`.
 *
 * connects
 *   Connects TCP sockets in every way that it can come out, in a network
 *   namespace of its own with nothing but the loopback. Done says how many were
 *   established; of these timed; refused; with no route; without a free port;
 *   not answered; closed before they were known; and how long the slowest took
 *   that was established, in ns.
 */
#include "probe.h"

#include "work.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TIMES 5

static struct {
  long established, untimed, refused, no_route, no_port, no_answer, aborted;
  uint64_t slowest;
} outcome;

struct address {
  int family;
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un path;
  };
  socklen_t size;
};

static bool has_v6;

static struct address address_of(const char *host, uint16_t port) {
  struct address to = {.family = strchr(host, ':') ? AF_INET6 : AF_INET};
  if (to.family == AF_INET6) {
    to.size = sizeof(to.v6);
    to.v6.sin6_family = AF_INET6;
    to.v6.sin6_port = htons(port);
    inet_pton(AF_INET6, host, &to.v6.sin6_addr);
  } else {
    to.size = sizeof(to.v4);
    to.v4.sin_family = AF_INET;
    to.v4.sin_port = htons(port);
    inet_pton(AF_INET, host, &to.v4.sin_addr);
  }
  return to;
}

static void write_setting(const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", name);
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, text, strlen(text)) < 0)
    work_skip(path);
  close(fd);
}

static int must(int result, const char *what) {
  if (result < 0)
    work_fail(what);
  return result;
}

static int new_socket(const struct address *to, int flags) {
  return must(socket(to->family, SOCK_STREAM | flags, 0), "socket");
}

/* The port is the kernel's choice, and said in the address. */
static int new_listener(struct address *at, int backlog) {
  int listener = new_socket(at, 0);
  must(bind(listener, &at->any, at->size), "bind");
  must(listen(listener, backlog), "listen");
  must(getsockname(listener, &at->any, &at->size), "getsockname");
  return listener;
}

/* Ends the workload unless connect() says this: 0 or an error. */
static void connect_says(int fd, const struct address *to, int expected) {
  int error = connect(fd, &to->any, to->size) == 0 ? 0 : errno;
  if (error != expected) {
    fprintf(stderr, "connect: expected: %s\n", strerror(expected));
    errno = error;
    work_fail("connect");
  }
}

/* --- what comes out at once --- */

/* Of a socket that does not wait, the second connect() fetches the result. */
static void connect_to(const struct address *to, int flags, int expected) {
  int fd = new_socket(to, flags);
  if (flags & SOCK_NONBLOCK) {
    connect_says(fd, to, EINPROGRESS);
    poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10000);
  }
  connect_says(fd, to, expected);
  if (expected == 0)
    connect_says(fd, to, EISCONN);
  close(fd);
}

static void establish(const struct address *to, int flags) {
  for (int i = 0; i < TIMES; i++, outcome.established++)
    connect_to(to, flags, 0);
}

static void be_refused(const char *host, int flags) {
  struct address to = address_of(host, 1);
  for (int i = 0; i < TIMES; i++, outcome.refused++)
    connect_to(&to, flags, ECONNREFUSED);
}

static void find_no_route(const char *host) {
  struct address to = address_of(host, 80);
  for (int i = 0; i < TIMES; i++, outcome.no_route++) {
    int fd = new_socket(&to, 0);
    connect_says(fd, &to, ENETUNREACH);
    close(fd);
  }
}

/* Without TIME_WAIT: the next round may have the port at once. */
static void close_abruptly(int fd) {
  const struct linger now = {.l_onoff = 1, .l_linger = 0};
  must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), "SO_LINGER");
  close(fd);
}

/* All but two: what was closed keeps its port for a minute. */
static void use_other_ports(void) {
  write_setting("ip_local_port_range", "32768 39999");
}

/* Two ports are all there are: the third connect to one address finds none. */
static void find_no_port(const struct address *to) {
  write_setting("ip_local_port_range", "40000 40001");
  int held[2];
  for (int i = 0; i < 2; i++, outcome.established++) {
    held[i] = new_socket(to, 0);
    connect_says(held[i], to, 0);
  }
  for (int i = 0; i < TIMES; i++, outcome.no_port++) {
    int fd = new_socket(to, 0);
    connect_says(fd, to, EADDRNOTAVAIL);
    close(fd);
  }
  close_abruptly(held[0]);
  close_abruptly(held[1]);
  use_other_ports();
}

/* A TCP inside of it is counted, it itself is not. */
static void establish_multipath(const struct address *to) {
  int fd = socket(to->family, SOCK_STREAM, IPPROTO_MPTCP);
  if (fd < 0)
    return;
  connect_says(fd, to, 0);
  outcome.established++;
  close(fd);
}

static void connect_no_tcp(void) {
  struct address udp = address_of("127.0.0.1", 9);
  struct address path = {.family = AF_UNIX, .size = sizeof(path.path)};
  path.path.sun_family = AF_UNIX;
  strcpy(path.path.sun_path + 1, "nobody listens here");
  for (int i = 0; i < TIMES; i++) {
    int datagrams = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
    int stream = must(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
    connect_says(datagrams, &udp, 0);
    connect_says(stream, &path, ECONNREFUSED);
    close(datagrams);
    close(stream);
  }
}

/* Its SYN goes out with the first data, long after connect(). */
static void establish_at_first_write(const struct address *to) {
  int fd = new_socket(to, 0), on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) == 0) {
    connect_says(fd, to, 0);
    usleep(500000);
    must((int)write(fd, "x", 1), "first write");
    outcome.established++;
    outcome.untimed++;
  }
  close(fd);
}

/* --- what takes its time --- */

/* A listener that answers no more SYNs, since nobody accepts. */
struct full {
  struct address at;
  int listener, first;
};

static struct full new_full(void) {
  struct full full = {.at = address_of("127.0.0.1", 0)};
  full.listener = new_listener(&full.at, 0);
  full.first = new_socket(&full.at, 0);
  connect_says(full.first, &full.at, 0);
  outcome.established++;
  return full;
}

static void free_full(struct full *full) {
  close(full->listener);
  close(full->first);
}

static void abort_some(const struct full *full) {
  for (int i = 0; i < TIMES; i++, outcome.aborted++) {
    int fd = new_socket(&full->at, SOCK_NONBLOCK);
    connect_says(fd, &full->at, EINPROGRESS);
    connect_says(fd, &full->at, EALREADY);
    close(fd);
  }
  /* One that waits in connect(), but not for long. */
  int fd = new_socket(&full->at, 0);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_usec = 50000},
             sizeof(struct timeval));
  connect_says(fd, &full->at, EINPROGRESS);
  close(fd);
  outcome.aborted++;
}

static int result_of(int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLOUT};
  int error = ETIME;
  socklen_t size = sizeof(error);
  if (poll(&wait, 1, 20000) == 1)
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

static void wait_for_answers(void) {
  struct full slow = new_full(), dead = new_full();
  abort_some(&slow);

  /* One retry, then it gives up. */
  int doomed = new_socket(&dead.at, SOCK_NONBLOCK), one = 1;
  must(setsockopt(doomed, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof(one)),
       "SYNCNT");
  connect_says(doomed, &dead.at, EINPROGRESS);

  int late = new_socket(&slow.at, SOCK_NONBLOCK);
  uint64_t began = now_ns();
  connect_says(late, &slow.at, EINPROGRESS);
  int accepted = must(accept(slow.listener, NULL, NULL), "accept");
  if (result_of(late) != 0)
    work_fail("a full backlog that is full no more");
  outcome.slowest = now_ns() - began;
  connect_says(late, &slow.at, 0); /* fetches the result */
  outcome.established++;

  if ((errno = result_of(doomed)) != ETIMEDOUT)
    work_fail("a full backlog");
  outcome.no_answer++;
  close(late);
  close(doomed);
  close(accepted);
  free_full(&slow);
  free_full(&dead);
}

/* --- the round --- */

static struct address listening, listening6;

static void prepare_connects(char **unused) {
  (void)unused;
  if (unshare(CLONE_NEWNET) != 0)
    work_skip("no network namespace");
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  must(ioctl(fd, SIOCSIFFLAGS, &loopback), "SIOCSIFFLAGS");
  close(fd);
  /* Clients may, and without a cookie. */
  write_setting("tcp_fastopen", "5");
  use_other_ports();

  listening = address_of("127.0.0.1", 0);
  new_listener(&listening, 1000);
  listening6 = address_of("::1", 0);
  fd = socket(AF_INET6, SOCK_STREAM, 0);
  has_v6 = fd >= 0 && bind(fd, &listening6.any, listening6.size) == 0;
  close(fd);
  if (has_v6)
    new_listener(&listening6, 1000);
}

static void round_of_connects(void) {
  memset(&outcome, 0, sizeof(outcome));
  establish(&listening, 0);
  establish(&listening, SOCK_NONBLOCK);
  be_refused("127.0.0.1", 0);
  be_refused("127.0.0.1", SOCK_NONBLOCK);
  find_no_route("192.0.2.1");
  if (has_v6) {
    establish(&listening6, 0);
    be_refused("::1", 0);
    find_no_route("2001:db8::1");
    find_no_port(&listening6);
  }
  find_no_port(&listening);
  establish_multipath(&listening);
  connect_no_tcp();
  establish_at_first_write(&listening);
  wait_for_answers();
  say_done("%ld %ld %ld %ld %ld %ld %ld %llu", outcome.established,
           outcome.established - outcome.untimed, outcome.refused,
           outcome.no_route, outcome.no_port, outcome.no_answer,
           outcome.aborted, (unsigned long long)outcome.slowest);
}

const struct command command_connects = {"connects", 0, prepare_connects,
                                         round_of_connects};
