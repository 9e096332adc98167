/* SPDX-License-Identifier: MIT
 *
 * hosts record FILE
 *   Takes what one collectd's network plugin sends to the port of 127.0.0.1
 *   that it prints ("ready <port>"), packet by packet, until SIGTERM. That
 *   collectd has the Hostname host-0000.
 * hosts play FILE PORT HOSTS READS PACE STEP
 *   Sends the recording to 127.0.0.1 for HOSTS hosts, host-0000 and so on, one
 *   after the other, all of them READS times, once in PACE seconds. The values'
 *   times are STEP seconds apart (but for what collectd was late with a read),
 *   the last ones about now. Then it says what went out, and by how much that
 *   was late at worst:
 *   "sent <value lists> <values> <packets> <bytes>", "late <seconds>".
 *
 * In a packet only host, times and interval are changed, so that it is what
 * collectd makes of a host: the order and the size of its parts are collectd's.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  PACKET_MOST = 65535,
  READS_MOST = 4096,
  HOSTS_MOST = 10000, /* that is what four digits can name */
  /* Parts of a packet: a type and a length of 16 bits each, then as they say.
   */
  PART_HOST = 0x0000,
  PART_VALUES = 0x0006,
  PART_TIME = 0x0008,
  PART_INTERVAL = 0x0009,
  PART_HEAD = 4,
};

static const char placeholder[] = "host-0000";
static const double second = 1 << 30; /* of collectd's times */

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "hosts: %s: %s\n", what, strerror(errno));
  exit(1);
}

static _Noreturn void refuse(const char *what) {
  fprintf(stderr, "hosts: %s\n", what);
  exit(1);
}

static struct sockaddr_in loopback(uint16_t port) {
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int open_socket(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    fail("socket");
  return fd;
}

/* --- record --- */

static volatile sig_atomic_t over;

static void stop(int signal) {
  (void)signal;
  over = 1;
}

static int listen_somewhere(void) {
  struct sockaddr_in address = loopback(0);
  socklen_t length = sizeof(address);
  int fd = open_socket(), room = 4 << 20;
  struct timeval tenth = {.tv_usec = 100000};
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tenth, sizeof(tenth));
  if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &length) != 0)
    fail("127.0.0.1");
  printf("ready %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

/* What came before SIGTERM is in the file: it ends at the first silence. */
static void record(const char *name) {
  static unsigned char packet[PACKET_MOST];
  signal(SIGTERM, stop);
  FILE *file = fopen(name, "w");
  if (file == NULL)
    fail(name);
  for (int fd = listen_somewhere();;) {
    ssize_t got = recv(fd, packet, sizeof(packet), 0);
    if (got < 0 && over)
      break;
    if (got <= 0)
      continue;
    uint16_t length = (uint16_t)got;
    fwrite(&length, sizeof(length), 1, file);
    fwrite(packet, length, 1, file);
  }
  if (fclose(file) != 0)
    fail(name);
}

/* --- the recording --- */

struct packet {
  unsigned char *bytes;
  size_t length;
  unsigned read; /* to which its last value belongs */
  unsigned lists, values;
};

static struct packet *packets;
static size_t packet_count;
static uint64_t times[READS_MOST]; /* of the recording's reads */
static unsigned time_count;
static uint64_t interval; /* between them, as it should be */

struct part {
  unsigned type;
  size_t length; /* of the content */
  unsigned char *content;
};

/* The part at *at, which is moved on to the next one; false at the end. */
static bool next_part(const struct packet *packet, size_t *at,
                      struct part *part) {
  uint16_t head[2];
  if (*at + PART_HEAD > packet->length)
    return false;
  memcpy(head, packet->bytes + *at, sizeof(head));
  size_t length = ntohs(head[1]);
  if (length < PART_HEAD || *at + length > packet->length)
    refuse("a broken packet");
  part->type = ntohs(head[0]);
  part->length = length - PART_HEAD;
  part->content = packet->bytes + *at + PART_HEAD;
  *at += length;
  return true;
}

static uint64_t get_number(const struct part *part) {
  uint64_t number;
  if (part->length != sizeof(number))
    refuse("a number of an unknown size");
  memcpy(&number, part->content, sizeof(number));
  return be64toh(number);
}

static void put_number(const struct part *part, uint64_t number) {
  number = htobe64(number);
  memcpy(part->content, &number, sizeof(number));
}

static unsigned read_at(uint64_t time) {
  if (time_count == 0 || time > times[time_count - 1]) {
    if (time_count == READS_MOST)
      refuse("too many reads");
    times[time_count++] = time;
  }
  for (unsigned i = time_count; i-- > 0;)
    if (times[i] == time)
      return i;
  refuse("a value that came out of order");
}

/* From now on a time in it is the number of its read. */
static void prepare(struct packet *packet) {
  struct part part;
  for (size_t at = 0; next_part(packet, &at, &part);) {
    uint16_t values;
    switch (part.type) {
    case PART_HOST:
      if (part.length != sizeof(placeholder) ||
          memcmp(part.content, placeholder, sizeof(placeholder)) != 0)
        refuse("it is not of host-0000");
      break;
    case PART_TIME:
      packet->read = read_at(get_number(&part));
      put_number(&part, packet->read);
      break;
    case PART_INTERVAL:
      interval = get_number(&part);
      break;
    case PART_VALUES:
      memcpy(&values, part.content, sizeof(values));
      packet->lists++;
      packet->values += ntohs(values);
      break;
    default:
      break;
    }
  }
}

static void add_packet(const unsigned char *bytes, size_t length) {
  struct packet packet = {.bytes = malloc(length), .length = length};
  void *more = realloc(packets, (packet_count + 1) * sizeof(*packets));
  if (packet.bytes == NULL || more == NULL)
    fail("memory");
  packets = more;
  memcpy(packet.bytes, bytes, length);
  prepare(&packet);
  packets[packet_count++] = packet;
}

static void load(const char *name) {
  static unsigned char bytes[PACKET_MOST];
  uint16_t length;
  FILE *file = fopen(name, "r");
  if (file == NULL)
    fail(name);
  while (fread(&length, sizeof(length), 1, file) == 1) {
    if (fread(bytes, 1, length, file) != length)
      refuse("half a packet");
    add_packet(bytes, length);
  }
  fclose(file);
  if (packet_count == 0)
    refuse("an empty recording");
}

/* --- play --- */

struct play {
  int fd;
  unsigned hosts, reads;
  double pace, step;
  double began; /* of the values' times, seconds since the epoch */
};

static struct {
  unsigned long lists, values, packets, bytes;
  double late;
} sent;

static double clock_seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of a read of the recording, beside its first one. */
static double lateness(unsigned read) {
  return (double)(times[read] - times[0]) - (double)read * (double)interval;
}

static void dress(const struct packet *packet, const struct play *play,
                  unsigned host, unsigned read) {
  struct part part;
  for (size_t at = 0; next_part(packet, &at, &part);) {
    if (part.type == PART_HOST) {
      snprintf((char *)part.content, part.length, "host-%04u", host);
    } else if (part.type == PART_INTERVAL) {
      put_number(&part, (uint64_t)(play->step * second));
    } else if (part.type == PART_TIME) {
      /* A packet may begin with what is left of the read before. */
      unsigned index = (unsigned)get_number(&part);
      double number =
          (double)read - packet->read + index + (double)host / play->hosts;
      put_number(&part,
                 (uint64_t)((play->began + number * play->step) * second +
                            lateness(index)));
    }
  }
}

static void send_packet(const struct packet *packet, const struct play *play,
                        unsigned host, unsigned read) {
  static unsigned char bytes[PACKET_MOST];
  struct packet copy = *packet;
  copy.bytes = memcpy(bytes, packet->bytes, packet->length);
  dress(&copy, play, host, read);
  /* It may be told of a packet before this one that nobody took it. */
  while (send(play->fd, copy.bytes, copy.length, 0) < 0)
    if (errno != ECONNREFUSED && errno != EINTR)
      fail("send");
  sent.lists += packet->lists;
  sent.values += packet->values;
  sent.bytes += packet->length;
  sent.packets++;
}

static void send_read(const struct play *play, unsigned host, unsigned read) {
  for (size_t i = 0; i < packet_count; i++)
    if (packets[i].read == read % time_count)
      send_packet(&packets[i], play, host, read);
}

static void wait_until(double due) {
  struct timespec at = {.tv_sec = (time_t)due,
                        .tv_nsec = (long)((due - (double)(time_t)due) * 1e9)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
    ;
  double late = clock_seconds(CLOCK_MONOTONIC) - due;
  if (late > sent.late)
    sent.late = late;
}

static void play_all(struct play *play) {
  double began = clock_seconds(CLOCK_MONOTONIC);
  play->began =
      clock_seconds(CLOCK_REALTIME) - (play->step - play->pace) * play->reads;
  for (unsigned read = 0; read < play->reads; read++)
    for (unsigned host = 0; host < play->hosts; host++) {
      wait_until(began + (read + (double)host / play->hosts) * play->pace);
      send_read(play, host, read);
    }
}

static double argument(const char *text, double least, double most) {
  char *end;
  double number = strtod(text, &end);
  if (*end != '\0' || !(number >= least && number <= most))
    refuse("an argument out of its bounds");
  return number;
}

static void play(char **arguments) {
  struct sockaddr_in to = loopback((uint16_t)argument(arguments[1], 1, 65535));
  struct play play = {.fd = open_socket(),
                      .hosts = (unsigned)argument(arguments[2], 1, HOSTS_MOST),
                      .reads = (unsigned)argument(arguments[3], 1, 1e6),
                      .pace = argument(arguments[4], 0, 3600),
                      .step = argument(arguments[5], 0.001, 3600)};
  load(arguments[0]);
  if (connect(play.fd, (struct sockaddr *)&to, sizeof(to)) != 0)
    fail("connect");
  play_all(&play);
  printf("sent %lu %lu %lu %lu\nlate %.3f\n", sent.lists, sent.values,
         sent.packets, sent.bytes, sent.late);
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "record") == 0)
    record(argv[2]);
  else if (argc == 8 && strcmp(argv[1], "play") == 0)
    play(argv + 2);
  else
    return 2;
  return 0;
}
