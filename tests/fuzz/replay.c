/* replay.c — main() for a fuzz target outside the fuzzer: runs every file of the given
 * folder, each of its prefixes and a few single-byte changes, so that the corpus is a test. */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

#define INPUT_MAX (1 << 20)
#define PREFIXES_MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each run gets a block of its own size, so that the sanitizer sees a read past its end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void replay(const uint8_t *data, size_t size)
{
    const size_t step = size / PREFIXES_MAX + 1;
    uint8_t *changed = malloc(size ? size : 1);

    if (!changed)
        abort();
    run(data, size);
    for (size_t n = 0; n < size; n += step)
        run(data, n);
    for (size_t i = 0; i < size; i += step) {
        memcpy(changed, data, size);
        changed[i] ^= 0xff;
        run(changed, size);
        changed[i] = data[i] ^ 0x01;
        run(changed, size);
    }
    free(changed);
}

int main(int argc, char **argv)
{
    struct dirent *entry;
    unsigned files = 0;
    DIR *dir;

    if (argc != 2 || !(dir = opendir(argv[1]))) {
        (void)fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    /* One thread, so readdir() is fine. */
    while ((entry = readdir(dir))) { /* NOLINT(concurrency-mt-unsafe) */
        char path[PATH_MAX];
        struct nvr_buf buf;

        if (entry->d_name[0] == '.')
            continue;
        nvr_buf_init(&buf, INPUT_MAX);
        if (nvr_path_join(path, sizeof(path), argv[1], entry->d_name) < 0 ||
            nvr_file_read(path, &buf) < 0) {
            (void)fprintf(stderr, "cannot read %s\n", entry->d_name);
            return 1;
        }
        replay(buf.data, buf.len);
        nvr_buf_done(&buf);
        files++;
    }
    (void)closedir(dir);
    (void)printf("%u corpus files\n", files);
    return files ? 0 : 1;
}
