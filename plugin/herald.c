/* SPDX-License-Identifier: MIT */
#include "herald.h"

#include "helper.h"
#include "monotonic.h"

#include <stdlib.h>

/* So long the read waits for those who take notifications, and the end of
 * collectd. */
#define PATIENCE_NS INT64_C(200000000)
#define LAST_PATIENCE_NS INT64_C(2000000000)

struct herald {
  pthread_t thread;
  pthread_mutex_t lock; /* of all below */
  pthread_cond_t wake, finished;
  herald_tell_fn *tell;
  struct notices notices; /* the thread's while busy */
  bool busy, refused;
  bool over;     /* there will be no more */
  bool orphaned; /* nobody will join it: it frees itself */
};

static void destroy(struct herald *herald) {
  pthread_cond_destroy(&herald->finished);
  pthread_cond_destroy(&herald->wake);
  pthread_mutex_destroy(&herald->lock);
  free(herald);
}

static void hand_over(struct herald *herald) {
  pthread_mutex_unlock(&herald->lock);
  bool taken = herald->tell(&herald->notices);
  pthread_mutex_lock(&herald->lock);
  herald->refused |= !taken;
  herald->busy = false;
  pthread_cond_signal(&herald->finished);
}

static void *run(void *argument) {
  struct herald *herald = argument;
  pthread_mutex_lock(&herald->lock);
  while (herald->busy || !herald->over) {
    if (herald->busy)
      hand_over(herald);
    else
      pthread_cond_wait(&herald->wake, &herald->lock);
  }
  bool orphaned = herald->orphaned;
  pthread_mutex_unlock(&herald->lock);
  if (orphaned)
    destroy(herald);
  return NULL;
}

struct herald *herald_new(herald_tell_fn *tell) {
  struct herald *herald = calloc(1, sizeof(*herald));
  if (herald == NULL)
    return NULL;
  herald->tell = tell;
  pthread_mutex_init(&herald->lock, NULL);
  pthread_cond_init(&herald->wake, NULL);
  helper_condition_init(&herald->finished);
  /* With a usual stack: who knows what takes notifications. */
  if (helper_start(&herald->thread, "proctrace-notif", 0, run, herald) == 0)
    return herald;
  destroy(herald);
  return NULL;
}

/* Called with the lock. */
static void wait_for(struct herald *herald, int64_t patience_ns) {
  int64_t until = monotonic_ns() + patience_ns;
  while (herald->busy && monotonic_ns() < until)
    helper_wait_until(&herald->finished, &herald->lock, until);
}

bool herald_is_free(struct herald *herald) {
  pthread_mutex_lock(&herald->lock);
  bool busy = herald->busy;
  pthread_mutex_unlock(&herald->lock);
  return !busy;
}

void herald_give(struct herald *herald, const struct notices *notices) {
  pthread_mutex_lock(&herald->lock);
  herald->notices = *notices;
  herald->busy = true;
  pthread_cond_signal(&herald->wake);
  wait_for(herald, PATIENCE_NS);
  pthread_mutex_unlock(&herald->lock);
}

bool herald_was_refused(struct herald *herald) {
  pthread_mutex_lock(&herald->lock);
  bool refused = herald->refused;
  pthread_mutex_unlock(&herald->lock);
  return refused;
}

void herald_free(struct herald *herald) {
  if (herald == NULL)
    return;
  pthread_mutex_lock(&herald->lock);
  herald->over = true;
  pthread_cond_signal(&herald->wake);
  wait_for(herald, LAST_PATIENCE_NS);
  bool busy = herald->orphaned = herald->busy;
  pthread_t thread = herald->thread;
  if (busy)
    pthread_detach(thread);
  pthread_mutex_unlock(&herald->lock);
  if (busy)
    return;
  pthread_join(thread, NULL);
  destroy(herald);
}
