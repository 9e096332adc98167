/* SPDX-License-Identifier: MIT */
#include "report_notices.h"

#include <collectd/core/daemon/collectd.h>

#include <collectd/core/daemon/plugin.h>

#include <stdio.h>

static bool report_notice(const struct notice *notice, cdtime_t now) {
  static const int severities[] = {
      [SEVERITY_FAILURE] = NOTIF_FAILURE,
      [SEVERITY_WARNING] = NOTIF_WARNING,
      [SEVERITY_OKAY] = NOTIF_OKAY,
  };
  notification_t notification = {
      .severity = severities[notice->severity],
      .time = now,
      .plugin = "proctrace",
  };
  snprintf(notification.message, sizeof(notification.message), "%s",
           notice->message);
  snprintf(notification.host, sizeof(notification.host), "%s", hostname_g);
  snprintf(notification.plugin_instance, sizeof(notification.plugin_instance),
           "%s", notice->instance);
  snprintf(notification.type, sizeof(notification.type), "%s", notice->type);
  snprintf(notification.type_instance, sizeof(notification.type_instance), "%s",
           notice->type_instance);
  return plugin_dispatch_notification(&notification) == 0;
}

static plugin_ctx_t context;

void report_notices_init(void) { context = plugin_get_ctx(); }

bool report_notices(const struct notices *notices) {
  bool taken = true;
  plugin_set_ctx(context);
  cdtime_t now = cdtime();
  for (size_t i = 0; i < notices->count; i++)
    taken &= report_notice(&notices->list[i], now);
  return taken;
}
