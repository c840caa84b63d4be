/*
 * process.h
 *		What the kernel says of this process, for metrics that every exporter has.
 *
 * Called by admin.c.
 */
#ifndef RELAY_PROCESS_H
#define RELAY_PROCESS_H

#include "metrics.h"

/* When it was started, microseconds since the Unix epoch; 0: not known. */
int64_t process_start_us(void);

/* All but start_us; what is not known stays as it is. */
void process_read(struct metrics_process *process);

#endif /* RELAY_PROCESS_H */
