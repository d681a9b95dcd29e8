/* The API's description and the page that shows it. */
#include <string.h>

#include "src/gateway/openapi_json.h"
#include "src/gateway/private.h"

#define HTML "text/html; charset=utf-8"

void nvr_handle_openapi(struct nvr_http_request *request, void *arg)
{
    (void)arg;
    nvr_http_add_header(request, "Cache-Control", "no-cache");
    nvr_http_reply_static(request, 200, "application/json", nvr_openapi_json,
                          strlen(nvr_openapi_json));
}

static const char docs_page[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Heron API</title>\n"
    "<link rel=\"stylesheet\" href=\"/api/docs/swagger-ui.css\">\n"
    "</head>\n"
    "<body>\n"
    "<div id=\"docs\"></div>\n"
    "<noscript>The API is described in <a href=\"/api/openapi.json\">openapi.json</a>.</noscript>\n"
    "<script src=\"/api/docs/swagger-ui-bundle.js\"></script>\n"
    "<script src=\"/api/docs/start.js\"></script>\n"
    "</body>\n"
    "</html>\n";

/* A file of its own: the page may run no inline script (Content-Security-Policy). */
static const char docs_script[] = "SwaggerUIBundle({\n"
                                  "  url: '/api/openapi.json',\n"
                                  "  dom_id: '#docs',\n"
                                  "  deepLinking: true,\n"
                                  "  tryItOutEnabled: true,\n"
                                  "  validatorUrl: null,\n"
                                  "});\n";

static const char docs_missing[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><meta charset=\"utf-8\"><title>Heron API</title>\n"
    "<h1>Heron API</h1>\n"
    "<p>Swagger UI is not installed (it comes with <code>make build</code>). The API is described "
    "in <a href=\"/api/openapi.json\">openapi.json</a>.</p>\n"
    "</html>\n";

void nvr_handle_docs(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;

    if (nvr_web_has_file(gateway, "docs/swagger-ui-bundle.js"))
        nvr_http_reply_static(request, 200, HTML, docs_page, sizeof(docs_page) - 1);
    else
        nvr_http_reply_static(request, 200, HTML, docs_missing, sizeof(docs_missing) - 1);
}

void nvr_handle_docs_file(struct nvr_http_request *request, void *arg)
{
    struct nvr_gateway *gateway = arg;
    const char *file = nvr_http_get_param(request, "file");
    char path[NVR_HTTP_PATH_MAX + 8];

    if (strcmp(file, "start.js") == 0) {
        nvr_http_reply_static(request, 200, "text/javascript; charset=utf-8", docs_script,
                              sizeof(docs_script) - 1);
        return;
    }
    if (nvr_fmt(path, sizeof(path), "docs/%s", file) < 0)
        path[0] = '\0';
    nvr_web_reply_file(gateway, request, path);
}
