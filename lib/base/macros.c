#include "lib/base/macros.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void nvr_auto_close_(int *fd)
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
