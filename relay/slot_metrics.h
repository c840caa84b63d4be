/*
 * slot_metrics.h
 *		Pure: what operators see of the slot, for metrics.c only.
 *
 * A look that failed shows as such: walrelay_slot_watch_up is 0, and nothing is told that may not
 * be true any more.
 */
#ifndef RELAY_SLOT_METRICS_H
#define RELAY_SLOT_METRICS_H

#include "metrics_parts.h"
#include "slot_watch.h"

void slot_metrics_text(const struct slot_stats *slot, const struct page *page);
/* The object "slot" of /status; never NULL. */
cJSON *slot_metrics_json(const struct slot_stats *slot);

#endif /* RELAY_SLOT_METRICS_H */
