/* gateway_fixture.h — a gateway on a free port, with canned cameras, three recordings of "front"
 * and a web folder, and requests to it. */
#ifndef NVR_TESTS_GATEWAY_FIXTURE_H
#define NVR_TESTS_GATEWAY_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "lib/base/json.h"
#include "src/gateway/private.h"
#include "tests/unit/fake_supervisor.h"
#include "tests/unit/http_client.h"

#define START_MS 1700000000000LL
#define FILE_SIZE 300000

struct fixture {
    uv_loop_t loop;
    char dir[64];
    struct nvr_supervisor *supervisor;
    struct nvr_storage *storage;
    struct nvr_gateway *gateway;
    int port;
    bool stopped;
};

/* For cmocka. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

void write_file(const char *dir, const char *name, const void *data, size_t len);
/* One request on a connection of its own. headers: lines with CRLF. */
void fetch(struct fixture *f, const char *method, const char *path, const char *headers,
           const char *body, struct answer *answer);
unsigned status_of(struct fixture *f, const char *method, const char *path, const char *headers,
                   const char *body);
json_t *fetch_json(struct fixture *f, const char *path, unsigned expected);
void assert_error(struct fixture *f, const char *method, const char *path, const char *headers,
                  const char *body, unsigned status, const char *code);

#endif
