/* openapi_json.h — openapi.json, built in (tools/embed makes the other half). */
#ifndef NVR_GATEWAY_OPENAPI_JSON_H
#define NVR_GATEWAY_OPENAPI_JSON_H

extern const char nvr_openapi_json[];

#endif
