/* AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1. */
#include <errno.h>

#include "lib/media/bits.h"
#include "lib/media/codec.h"

#define OBJECT_ESCAPE 31
#define OBJECT_SBR 5
#define OBJECT_PS 29
#define RATE_ESCAPE 15
#define RATE_MIN 7000
#define RATE_MAX 192000

static uint32_t read_object_type(struct bits *bits)
{
    const uint32_t type = bits_read(bits, 5);

    return type == OBJECT_ESCAPE ? 32 + bits_read(bits, 6) : type;
}

static uint32_t read_rate(struct bits *bits)
{
    static const uint32_t rates[] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                     22050, 16000, 12000, 11025, 8000,  7350};
    const uint32_t index = bits_read(bits, 4);

    if (index == RATE_ESCAPE)
        return bits_read(bits, 24);
    return index < NVR_ARRAY_SIZE(rates) ? rates[index] : 0;
}

int nvr_aac_parse_config(const uint8_t *data, size_t size, struct nvr_aac_config *ret_config)
{
    static const uint8_t channels[16] = {0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0};
    /* No emulation bytes here: at most 16 bytes matter. */
    struct bits bits = {.size = NVR_MIN(size, (size_t)16) * 8};
    struct nvr_aac_config config;

    for (size_t i = 0; i < bits.size / 8; i++)
        bits.data[i] = data[i];
    config.object_type = (uint8_t)read_object_type(&bits);
    config.sample_rate = read_rate(&bits);
    config.channels = channels[bits_read(&bits, 4)];
    if (config.object_type == OBJECT_SBR || config.object_type == OBJECT_PS)
        config.sample_rate = read_rate(&bits); /* the rate that comes out of the decoder */
    if (bits.error || !config.object_type || config.sample_rate < RATE_MIN ||
        config.sample_rate > RATE_MAX)
        return -EPROTO;
    *ret_config = config;
    return 0;
}
