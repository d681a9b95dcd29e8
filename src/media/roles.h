/* roles.h — the roles of nvr-media. Each owns fd; the result is the exit status. */
#ifndef NVR_MEDIA_ROLE_ROLES_H
#define NVR_MEDIA_ROLE_ROLES_H

int nvr_still_run(const char *name, int fd);   /* one picture out of encoded video */
int nvr_preview_run(const char *name, int fd); /* small pictures for the timeline */
int nvr_index_run(const char *name, int fd);   /* what a segment file holds; repairs cut tails */
int nvr_check_run(const char *name, int fd);   /* are a file's bytes the recorded ones? */
int nvr_keeper_run(const char *name, int fd);  /* files to other places, and back */
int nvr_export_run(const char *name, int fd);  /* recorded segments: one file for people */

#endif
