/* queries.h — every statement of lib/store, for the test that looks at their plans. */
#ifndef NVR_STORE_QUERIES_H
#define NVR_STORE_QUERIES_H

/* Each list ends with NULL. */
extern const char *const nvr_recordings_queries[];
extern const char *const nvr_cameras_queries[];
extern const char *const nvr_retention_queries[];
extern const char *const nvr_locations_queries[];
extern const char *const nvr_removals_queries[];
extern const char *const nvr_tiers_queries[];
extern const char *const nvr_evidence_queries[];
extern const char *const nvr_causes_queries[];
extern const char *const nvr_jobs_queries[];
extern const char *const nvr_triggers_queries[];

#endif
