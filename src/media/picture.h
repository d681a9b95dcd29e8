/* picture.h — one JPEG out of encoded video (libavcodec, libswscale, libjpeg-turbo). */
#ifndef NVR_MEDIA_ROLE_PICTURE_H
#define NVR_MEDIA_ROLE_PICTURE_H

#include <libavcodec/avcodec.h>
#include <stdint.h>

#include "lib/base/macros.h"

#define NVR_PICTURE_PIXELS_MAX (8192 * 8192)
#define NVR_PICTURE_THREADS 1

/* A decoder that gives each picture at once where the stream allows it. 0, -ENOTSUP, -ENOMEM. */
NVR_CHECK int nvr_picture_open(const AVCodecParameters *par, AVCodecContext **ret_decoder);
struct nvr_picture_jpeg {
    unsigned char *data;
    unsigned long size;
    unsigned width, height;
};
/* JPEG of a decoded picture. width 0: as is; never enlarged. nvr_picture_jpeg_done() also after an
 * error. 0, -EINVAL, -ENOTSUP (pixel format), -ENOMEM. */
NVR_CHECK int nvr_picture_compress(const AVFrame *frame, unsigned width, int quality,
                                   struct nvr_picture_jpeg *ret_jpeg);
void nvr_picture_jpeg_done(struct nvr_picture_jpeg *jpeg);
/* JPEG of a decoded picture in a memfd. width 0: as is; never enlarged. *ret_fd is the caller's.
 * 0, -EINVAL, -ENOTSUP (pixel format), -ENOMEM, memfd errors. */
NVR_CHECK int nvr_picture_to_jpeg(const AVFrame *frame, unsigned width, int quality, int *ret_fd,
                                  unsigned *ret_width, unsigned *ret_height, unsigned *ret_size);

#endif
