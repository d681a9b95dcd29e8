#include "lib/media/bits.h"

void bits_init(struct bits *bits, const uint8_t *data, size_t size)
{
    size_t out = 0;
    unsigned zeros = 0;

    for (size_t i = 0; i < size && out < BITS_MAX; i++) {
        if (zeros >= 2 && data[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = data[i] ? 0 : zeros + 1;
        bits->data[out++] = data[i];
    }
    bits->size = out * 8;
    bits->pos = 0;
    bits->error = false;
}

uint32_t bits_read(struct bits *bits, unsigned count)
{
    uint32_t value = 0;

    if (count > bits->size - bits->pos) {
        bits->pos = bits->size;
        bits->error = true;
        return 0;
    }
    for (unsigned i = 0; i < count; i++, bits->pos++)
        value = value << 1 | (uint32_t)(bits->data[bits->pos / 8] >> (7 - bits->pos % 8) & 1);
    return value;
}

bool bits_flag(struct bits *bits)
{
    return bits_read(bits, 1);
}

void bits_skip(struct bits *bits, size_t count)
{
    if (count > bits->size - bits->pos) {
        bits->pos = bits->size;
        bits->error = true;
        return;
    }
    bits->pos += count;
}

uint32_t bits_ue(struct bits *bits)
{
    unsigned zeros = 0;

    while (!bits->error && !bits_flag(bits)) {
        if (++zeros > 31) {
            bits->error = true;
            return 0;
        }
    }
    return bits->error ? 0 : (uint32_t)((1ull << zeros) - 1) + bits_read(bits, zeros);
}

int32_t bits_se(struct bits *bits)
{
    const uint32_t code = bits_ue(bits);
    const int32_t magnitude = (int32_t)(code / 2 + (code & 1));

    return code & 1 ? magnitude : -magnitude;
}

uint32_t bits_ue_max(struct bits *bits, uint32_t max)
{
    const uint32_t value = bits_ue(bits);

    if (value <= max)
        return value;
    bits->error = true;
    return 0;
}
