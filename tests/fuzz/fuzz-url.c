/* URLs as users and cameras give them; the log's redactor sees the same bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/log.h"
#include "lib/base/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = nvr_str_dup((struct nvr_str){(const char *)data, size});
    char public[NVR_URL_MAX * 2];
    struct nvr_url url;

    if (!text)
        return 0;
    if (nvr_url_parse(text, &url) == 0 && nvr_url_format_public(&url, public, sizeof(public)) < 0)
        abort(); /* everything that parses can be written */
    nvr_log_redact(text);
    free(text);
    return 0;
}
