#include "lib/base/macros.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The cleanup attribute hands over a pointer to the variable, whatever it is. */
void nvr_auto_close_(int *fd) /* NOLINT(readability-non-const-parameter) */
{
    const int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    errno = saved;
}

void nvr_auto_free_(void *p)
{
    free(*(void **)p);
}

const char *nvr_strerror(int r)
{
    const int error = r < 0 && r != INT_MIN ? -r : r;
    const char *text = strerrordesc_np(error);

    return text ? text : "unknown error";
}
