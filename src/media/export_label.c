#include "src/media/export_label.h"

#include <errno.h>
#include <ft2build.h>
#include <stdint.h>
#include <stdlib.h>
#include FT_FREETYPE_H

#include "lib/base/buf.h"
#include "lib/base/file.h"

#define FONT "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
#define FONT_MAX ((size_t)4 * 1024 * 1024)
#define LINES 24 /* text lines that a picture would have */
#define SIZE_MIN 10
#define WHITE 235

struct export_label {
    struct nvr_buf font;
    FT_Library library;
    FT_Face face;
};

int export_label_new(struct export_label **ret_label)
{
    struct export_label *label = calloc(1, sizeof(*label));
    int r;

    if (!label)
        return -ENOMEM;
    nvr_buf_init(&label->font, FONT_MAX);
    r = nvr_file_read(FONT, &label->font);
    if (r == 0 && (FT_Init_FreeType(&label->library) != 0 ||
                   FT_New_Memory_Face(label->library, label->font.data, (FT_Long)label->font.len, 0,
                                      &label->face) != 0))
        r = -EPROTO;
    if (r < 0) {
        export_label_free(label);
        return r;
    }
    *ret_label = label;
    return 0;
}

void export_label_free(struct export_label *label)
{
    if (!label)
        return;
    if (label->face)
        (void)FT_Done_Face(label->face);
    if (label->library)
        (void)FT_Done_FreeType(label->library);
    nvr_buf_done(&label->font);
    free(label);
}

/* The next character of valid UTF-8. */
static uint32_t next_character(const char **text)
{
    const uint8_t *p = (const uint8_t *)*text;
    const int more = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
    uint32_t c = more == 3 ? *p & 7u : more == 2 ? *p & 15u : more == 1 ? *p & 31u : *p;

    for (int i = 1; i <= more && p[i]; i++)
        c = c << 6 | (p[i] & 63u);
    for (int i = 0; i <= more && **text; i++)
        (*text)++;
    return c;
}

static void darken(AVFrame *frame, int width, int height)
{
    width = NVR_MIN(width, frame->width) & ~1;
    height = NVR_MIN(height, frame->height) & ~1;
    for (int y = 0; y < height; y++) {
        uint8_t *row = frame->data[0] + (ptrdiff_t)y * frame->linesize[0];

        for (int x = 0; x < width; x++)
            row[x] = (uint8_t)(16 + (row[x] - NVR_MIN(row[x], (uint8_t)16)) * 3 / 10);
    }
    for (int plane = 1; plane <= 2; plane++)
        for (int y = 0; y < height / 2; y++) {
            uint8_t *row = frame->data[plane] + (ptrdiff_t)y * frame->linesize[plane];

            for (int x = 0; x < width / 2; x++)
                row[x] = (uint8_t)(128 + (row[x] - 128) * 3 / 10);
        }
}

static void blend(AVFrame *frame, const FT_GlyphSlot glyph, int left, int base)
{
    const FT_Bitmap *bitmap = &glyph->bitmap;

    for (unsigned y = 0; y < bitmap->rows; y++) {
        const int to_y = base - glyph->bitmap_top + (int)y;

        if (to_y < 0 || to_y >= frame->height)
            continue;
        for (unsigned x = 0; x < bitmap->width; x++) {
            const int to_x = left + glyph->bitmap_left + (int)x;
            const int cover = bitmap->buffer[(ptrdiff_t)y * bitmap->pitch + x];
            uint8_t *dot;

            if (to_x < 0 || to_x >= frame->width)
                continue;
            dot = frame->data[0] + (ptrdiff_t)to_y * frame->linesize[0] + to_x;
            *dot = (uint8_t)(*dot + (WHITE - *dot) * cover / 255);
        }
    }
}

static int measure(struct export_label *label, const char *text)
{
    int width = 0;

    while (*text)
        if (FT_Load_Char(label->face, next_character(&text), FT_LOAD_DEFAULT) == 0)
            width += (int)(label->face->glyph->advance.x >> 6);
    return width;
}

void export_label_draw(struct export_label *label, AVFrame *frame, const char *text)
{
    const int size = NVR_MAX(frame->height / LINES, SIZE_MIN);
    int at = size / 2;

    if (FT_Set_Pixel_Sizes(label->face, 0, (FT_UInt)size) != 0)
        return;
    darken(frame, measure(label, text) + size, size * 3 / 2);
    while (*text) {
        if (FT_Load_Char(label->face, next_character(&text), FT_LOAD_RENDER) != 0)
            continue;
        blend(frame, label->face->glyph, at, size * 11 / 10);
        at += (int)(label->face->glyph->advance.x >> 6);
    }
}
