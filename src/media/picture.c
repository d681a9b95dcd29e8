#include "src/media/picture.h"

#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <sys/mman.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"

NVR_LOG_TOPIC("picture");

int nvr_picture_open(const AVCodecParameters *par, AVCodecContext **ret_decoder)
{
    const AVCodec *codec = avcodec_find_decoder(par->codec_id);
    AVCodecContext *c = codec ? avcodec_alloc_context3(codec) : NULL;

    if (!codec)
        return -ENOTSUP;
    if (!c)
        return -ENOMEM;
    if (avcodec_parameters_to_context(c, par) >= 0) {
        c->thread_count = NVR_PICTURE_THREADS;
        c->max_pixels = NVR_PICTURE_PIXELS_MAX;
        c->flags |= AV_CODEC_FLAG_LOW_DELAY | AV_CODEC_FLAG_OUTPUT_CORRUPT;
        if (avcodec_open2(c, codec, NULL) >= 0) {
            *ret_decoder = c;
            return 0;
        }
    }
    avcodec_free_context(&c);
    return -ENOTSUP;
}

/* JPEG is full range; "yuvj" formats are the old way to say that a source is, too. */
static enum AVPixelFormat plain_format(const AVFrame *frame, int *ret_full)
{
    *ret_full = frame->color_range == AVCOL_RANGE_JPEG;
    switch (frame->format) {
    case AV_PIX_FMT_YUVJ420P:
        *ret_full = 1;
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        *ret_full = 1;
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        *ret_full = 1;
        return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
        *ret_full = 1;
        return AV_PIX_FMT_YUV440P;
    default:
        return (enum AVPixelFormat)frame->format;
    }
}

static int matrix_of(const AVFrame *frame)
{
    if (frame->colorspace == AVCOL_SPC_BT709 ||
        (frame->colorspace == AVCOL_SPC_UNSPECIFIED && frame->height >= 720))
        return SWS_CS_ITU709;
    if (frame->colorspace == AVCOL_SPC_BT2020_NCL)
        return SWS_CS_BT2020;
    return SWS_CS_ITU601;
}

static int scale(const AVFrame *frame, AVFrame *out)
{
    int full;
    const enum AVPixelFormat format = plain_format(frame, &full);
    struct SwsContext *sws = sws_getContext(
        frame->width, frame->height, format, out->width, out->height, AV_PIX_FMT_YUV420P,
        out->width < frame->width ? SWS_AREA : SWS_BILINEAR, NULL, NULL, NULL);
    int r;

    if (!sws)
        return -ENOTSUP;
    (void)sws_setColorspaceDetails(sws, sws_getCoefficients(matrix_of(frame)), full,
                                   sws_getCoefficients(SWS_CS_ITU601), 1, 0, 1 << 16, 1 << 16);
    r = sws_scale(sws, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
                  out->data, out->linesize);
    sws_freeContext(sws);
    return r < 0 ? -ENOTSUP : 0;
}

static int compress(const AVFrame *yuv, int quality, unsigned char **ret_jpeg,
                    unsigned long *ret_size)
{
    tjhandle jpeg = tjInitCompress();
    int r;

    if (!jpeg)
        return -ENOMEM;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): adds const below a pointer, as turbojpeg wants it
    r = tjCompressFromYUVPlanes(jpeg, (const unsigned char **)(uintptr_t)yuv->data, yuv->width,
                                yuv->linesize, yuv->height, TJSAMP_420, ret_jpeg, ret_size, quality,
                                0);
    if (r < 0)
        log_warn("JPEG: %s", tjGetErrorStr2(jpeg));
    (void)tjDestroy(jpeg);
    return r < 0 ? -EINVAL : 0;
}

static int to_memfd(const unsigned char *data, size_t size, int *ret_fd)
{
    NVR_AUTO_FD int fd = memfd_create("jpeg", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return -errno;
    r = nvr_fd_write_all(fd, data, size);
    if (r < 0)
        return r;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return -errno;
    *ret_fd = NVR_TAKE_FD(fd);
    return 0;
}

int nvr_picture_compress(const AVFrame *frame, unsigned width, int quality,
                         struct nvr_picture_jpeg *ret_jpeg)
{
    AVFrame *out;
    int r;

    if (frame->width <= 0 || frame->height <= 0 || frame->width > 65500 || frame->height > 65500)
        return -EINVAL;
    if (width == 0 || width > (unsigned)frame->width)
        width = (unsigned)frame->width;
    out = av_frame_alloc();
    if (!out)
        return -ENOMEM;
    out->format = AV_PIX_FMT_YUV420P;
    out->width = (int)width;
    out->height = NVR_MAX((int)((int64_t)frame->height * (int)width / frame->width) & ~1, 2);
    if (width == (unsigned)frame->width)
        out->height = frame->height;
    *ret_jpeg =
        (struct nvr_picture_jpeg){.width = (unsigned)out->width, .height = (unsigned)out->height};
    r = av_frame_get_buffer(out, 0) < 0 ? -ENOMEM : scale(frame, out);
    if (r == 0)
        r = compress(out, NVR_MIN(NVR_MAX(quality, 1), 100), &ret_jpeg->data, &ret_jpeg->size);
    av_frame_free(&out);
    return r;
}

void nvr_picture_jpeg_done(struct nvr_picture_jpeg *jpeg)
{
    tjFree(jpeg->data);
    *jpeg = (struct nvr_picture_jpeg){0};
}

int nvr_picture_to_jpeg(const AVFrame *frame, unsigned width, int quality, int *ret_fd,
                        unsigned *ret_width, unsigned *ret_height, unsigned *ret_size)
{
    struct nvr_picture_jpeg jpeg = {0};
    int r = nvr_picture_compress(frame, width, quality, &jpeg);

    if (r == 0)
        r = to_memfd(jpeg.data, jpeg.size, ret_fd);
    if (r == 0) {
        *ret_width = jpeg.width;
        *ret_height = jpeg.height;
        *ret_size = (unsigned)jpeg.size;
    }
    nvr_picture_jpeg_done(&jpeg);
    return r;
}
