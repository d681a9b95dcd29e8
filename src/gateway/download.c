#include "src/gateway/download.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/media/fmp4.h"

#define FIRST_READ 4096 /* a moof of one frame fits */

struct nvr_download {
    int64_t size;
    struct nvr_fmp4_init init;
    uint64_t base[NVR_FMP4_TRACKS_MAX];
    bool has_base;
    /* the fragment at the cursor; beyond the last sound one: the rest of the file as it is */
    int64_t start, end;
    size_t moof_size;
    uint8_t *moof; /* rebased */
    size_t moof_cap;
};

void nvr_download_free(void *arg)
{
    struct nvr_download *download = arg;

    if (!download)
        return;
    free(download->moof);
    free(download);
}

static int read_init(struct nvr_download *download, int fd)
{
    uint8_t *data = malloc(NVR_DOWNLOAD_INIT_MAX);
    ssize_t n;
    int r = -ENOMEM;

    if (data) {
        n = nvr_fd_pread_all(fd, data, NVR_DOWNLOAD_INIT_MAX, 0);
        r = n < 0 ? (int)n : nvr_fmp4_parse_init(data, (size_t)n, &download->init);
    }
    free(data);
    return r == -EAGAIN ? -EPROTO : r;
}

int nvr_download_new(int fd, int64_t size, struct nvr_download **ret_download)
{
    struct nvr_download *download = calloc(1, sizeof(*download));
    int r;

    if (!download)
        return -ENOMEM;
    download->size = size;
    r = read_init(download, fd);
    if (r < 0) {
        nvr_download_free(download);
        return r;
    }
    download->end = (int64_t)download->init.size;
    *ret_download = download;
    return 0;
}

/* All tracks begin at the time of the first one in the first fragment, so that sound and picture
 * stay together. */
static void set_base(struct nvr_download *download, const struct nvr_fmp4_fragment *fragment)
{
    size_t first = 0;

    while (first < download->init.tracks_count && !fragment->duration[first])
        first++;
    if (first == download->init.tracks_count || !download->init.tracks[first].timescale)
        return;
    for (size_t i = 0; i < download->init.tracks_count; i++) {
        const unsigned __int128 scaled =
            (unsigned __int128)fragment->tfdt[first] * download->init.tracks[i].timescale;

        download->base[i] = (uint64_t)(scaled / download->init.tracks[first].timescale);
    }
    download->has_base = true;
}

static int parse_moof(struct nvr_download *download, int fd, struct nvr_fmp4_fragment *fragment)
{
    size_t wanted = FIRST_READ;

    for (;;) {
        ssize_t n;
        int r;

        if (download->moof_cap < wanted) {
            uint8_t *grown = realloc(download->moof, wanted);

            if (!grown)
                return -ENOMEM;
            download->moof = grown;
            download->moof_cap = wanted;
        }
        n = nvr_fd_pread_all(fd, download->moof, wanted, download->start);
        if (n < 0)
            return (int)n;
        r = nvr_fmp4_parse_fragment(&download->init, download->moof, (size_t)n, fragment);
        if (r != -EAGAIN)
            return r;
        if ((size_t)n < wanted || wanted >= NVR_DOWNLOAD_MOOF_MAX)
            return -EPROTO;
        wanted *= 4;
    }
}

static int next_fragment(struct nvr_download *download, int fd)
{
    struct nvr_fmp4_fragment fragment;
    int r;

    download->start = download->end;
    r = parse_moof(download, fd, &fragment);
    if (r == 0 && fragment.moof_size <= download->moof_cap &&
        (int64_t)fragment.size <= download->size - download->start) {
        if (!download->has_base)
            set_base(download, &fragment);
        r = nvr_fmp4_rebase_moof(&download->init, download->moof, fragment.moof_size,
                                 download->base);
        if (r == 0) {
            download->moof_size = fragment.moof_size;
            download->end = download->start + (int64_t)fragment.size;
            return 0;
        }
    }
    if (r < 0 && r != -EPROTO)
        return r;
    download->moof_size = 0;
    download->end = download->size;
    return 0;
}

ssize_t nvr_download_read_at(void *arg, int fd, uint8_t *dst, size_t max, int64_t offset)
{
    struct nvr_download *download = arg;
    int64_t limit;
    ssize_t n;

    if (offset >= download->size)
        return 0;
    if (offset < (int64_t)download->init.size) {
        limit = (int64_t)download->init.size;
    } else {
        while (offset >= download->end) {
            const int r = next_fragment(download, fd);

            if (r < 0)
                return r;
        }
        if (offset < download->start + (int64_t)download->moof_size) {
            const size_t at = (size_t)(offset - download->start);
            const size_t len = NVR_MIN(max, download->moof_size - at);

            memcpy(dst, download->moof + at, len);
            return (ssize_t)len;
        }
        limit = download->end;
    }
    n = nvr_fd_pread_all(fd, dst, (size_t)NVR_MIN((int64_t)max, limit - offset), offset);
    return n == 0 ? -EIO : n;
}
