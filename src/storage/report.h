/* report.h — GET system/storage and the numbers for Prometheus: a survey in the pool every minute
 * and when somebody asks, told with what the other parts add. A part of struct storage_part. */
#ifndef NVR_STORAGE_REPORT_H
#define NVR_STORAGE_REPORT_H

#include "src/storage/private.h"

#define REPORT_EVERY_MS 60000
#define REPORT_FRESH_MS 1000 /* asked again so soon: the same survey */

int report_start(struct nvr_storage *storage);
void report_stop(struct nvr_storage *storage);
bool report_is_idle(const struct nvr_storage *storage);
void report_free(struct nvr_storage *storage);

#endif
