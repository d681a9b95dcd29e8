/* export_label.h — one line of text drawn into a picture (FreeType, DejaVu Sans). */
#ifndef NVR_MEDIA_ROLE_EXPORT_LABEL_H
#define NVR_MEDIA_ROLE_EXPORT_LABEL_H

#include <libavutil/frame.h>

#include "lib/base/macros.h"

struct export_label;

/* Reads the font: before the sandbox. -ENOENT: it is not installed. */
NVR_CHECK int export_label_new(struct export_label **ret_label);
void export_label_free(struct export_label *label); /* NULL: no-op */
/* White on a dark band, at the top left of a writable YUV 4:2:0 picture. text: UTF-8. */
void export_label_draw(struct export_label *label, AVFrame *frame, const char *text);

#endif
