/* H.264 sequence parameter set: ITU-T H.264 §7.3.2.1.1 and annex E.1. */
#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/media/bits.h"
#include "lib/media/codec.h"

#define PROFILE_BASELINE 66
#define CONSTRAINT_SET3 0x10
#define EXTENDED_SAR 255
/* B-frame depth to expect where the stream does not tell it: two covers pyramids. */
#define REORDER_GUESS_MAX 2

struct h264_sps {
    uint32_t chroma_format;
    bool separate_planes;
    uint32_t poc_type;
    uint32_t ref_frames;
    bool frame_mbs_only;
    uint32_t mbs_wide, map_units_high;
    uint32_t crop[4]; /* left, right, top, bottom */
    bool has_reorder;
};

static bool has_chroma_fields(uint8_t profile)
{
    static const uint8_t high_profiles[] = {100, 110, 122, 244, 44,  83, 86,
                                            118, 128, 138, 139, 134, 135};

    return memchr(high_profiles, profile, sizeof(high_profiles)) != NULL;
}

static void skip_scaling_list(struct bits *bits, unsigned size)
{
    int32_t last = 8;
    int32_t next = 8;

    for (unsigned i = 0; i < size && !bits->error; i++) {
        if (next) {
            const int32_t delta = bits_se(bits);

            if (delta < -128 || delta > 127) {
                bits->error = true;
                return;
            }
            next = (last + delta + 256) % 256;
        }
        last = next ? next : last;
    }
}

static void parse_chroma(struct bits *bits, struct h264_sps *sps)
{
    sps->chroma_format = bits_ue_max(bits, 3);
    if (sps->chroma_format == 3)
        sps->separate_planes = bits_flag(bits);
    (void)bits_ue_max(bits, 6); /* bit_depth_luma_minus8 */
    (void)bits_ue_max(bits, 6); /* bit_depth_chroma_minus8 */
    (void)bits_flag(bits);      /* qpprime_y_zero_transform_bypass_flag */
    if (!bits_flag(bits))       /* seq_scaling_matrix_present_flag */
        return;
    for (unsigned i = 0; i < (sps->chroma_format == 3 ? 12u : 8u); i++)
        if (bits_flag(bits))
            skip_scaling_list(bits, i < 6 ? 16 : 64);
}

static void parse_picture_order(struct bits *bits, struct h264_sps *sps)
{
    uint32_t count;

    sps->poc_type = bits_ue_max(bits, 2);
    if (sps->poc_type == 0)
        (void)bits_ue_max(bits, 12); /* log2_max_pic_order_cnt_lsb_minus4 */
    if (sps->poc_type != 1)
        return;
    (void)bits_flag(bits); /* delta_pic_order_always_zero_flag */
    (void)bits_se(bits);   /* offset_for_non_ref_pic */
    (void)bits_se(bits);   /* offset_for_top_to_bottom_field */
    count = bits_ue_max(bits, 255);
    for (uint32_t i = 0; i < count && !bits->error; i++)
        (void)bits_se(bits);
}

static void parse_frame_size(struct bits *bits, struct h264_sps *sps)
{
    sps->mbs_wide = bits_ue_max(bits, NVR_VIDEO_SIDE_MAX / 16 - 1) + 1;
    sps->map_units_high = bits_ue_max(bits, NVR_VIDEO_SIDE_MAX / 16 - 1) + 1;
    sps->frame_mbs_only = bits_flag(bits);
    if (!sps->frame_mbs_only)
        (void)bits_flag(bits); /* mb_adaptive_frame_field_flag */
    (void)bits_flag(bits);     /* direct_8x8_inference_flag */
    if (bits_flag(bits))       /* frame_cropping_flag */
        for (unsigned i = 0; i < 4; i++)
            sps->crop[i] = bits_ue_max(bits, NVR_VIDEO_SIDE_MAX);
}

static void skip_hrd(struct bits *bits)
{
    const uint32_t count = bits_ue_max(bits, 31) + 1;

    bits_skip(bits, 8); /* bit_rate_scale, cpb_size_scale */
    for (uint32_t i = 0; i < count && !bits->error; i++) {
        (void)bits_ue(bits);   /* bit_rate_value_minus1 */
        (void)bits_ue(bits);   /* cpb_size_value_minus1 */
        (void)bits_flag(bits); /* cbr_flag */
    }
    bits_skip(bits, 20); /* four lengths of five bits */
}

static void parse_vui(struct bits *bits, struct h264_sps *sps, struct nvr_sps *ret_sps)
{
    bool has_hrd = false;

    if (bits_flag(bits) && bits_read(bits, 8) == EXTENDED_SAR) /* aspect_ratio_idc */
        bits_skip(bits, 32);
    if (bits_flag(bits))       /* overscan_info_present_flag */
        (void)bits_flag(bits); /* overscan_appropriate_flag */
    if (bits_flag(bits)) {     /* video_signal_type_present_flag */
        bits_skip(bits, 4);    /* video_format, video_full_range_flag */
        if (bits_flag(bits))   /* colour_description_present_flag */
            bits_skip(bits, 24);
    }
    if (bits_flag(bits)) { /* chroma_loc_info_present_flag */
        (void)bits_ue(bits);
        (void)bits_ue(bits);
    }
    if (bits_flag(bits)) { /* timing_info_present_flag */
        const uint32_t ticks = bits_read(bits, 32);
        const uint32_t scale = bits_read(bits, 32);

        (void)bits_flag(bits); /* fixed_frame_rate_flag */
        if (!bits->error && ticks && scale)
            ret_sps->fps = (double)scale / (2.0 * (double)ticks);
    }
    for (int i = 0; i < 2; i++) { /* NAL's, then VCL's */
        if (bits_flag(bits)) {
            skip_hrd(bits);
            has_hrd = true;
        }
    }
    if (has_hrd)
        (void)bits_flag(bits); /* low_delay_hrd_flag */
    (void)bits_flag(bits);     /* pic_struct_present_flag */
    if (!bits_flag(bits))      /* bitstream_restriction_flag */
        return;
    (void)bits_flag(bits); /* motion_vectors_over_pic_boundaries_flag */
    for (int i = 0; i < 4; i++)
        (void)bits_ue(bits); /* sizes and vector lengths */
    const uint32_t reorder = bits_ue_max(bits, NVR_REORDER_MAX);

    if (!bits->error) {
        ret_sps->reorder_frames = (uint8_t)reorder;
        sps->has_reorder = true;
    }
}

/* Where bitstream_restriction is absent the standard says "as many as the buffer holds", which no
 * camera uses. None: baseline has no B slices; order count type 2 is decode order (§8.2.1.3);
 * intra profiles; a B picture needs two references. Else one less than the references, at most
 * two. (Too many costs nothing: nvr_stamp notices a stream in decode order.) */
static uint8_t guess_reorder(const struct h264_sps *sps, const struct nvr_sps *told)
{
    const bool intra = (told->constraints & CONSTRAINT_SET3) && has_chroma_fields(told->profile);

    if (told->profile == PROFILE_BASELINE || told->profile == 44 || intra || sps->poc_type == 2 ||
        sps->ref_frames <= 1)
        return 0;
    return (uint8_t)NVR_MIN(sps->ref_frames - 1, (uint32_t)REORDER_GUESS_MAX);
}

/* Coded size less cropping, §7.4.2.1.1. 0 or -EPROTO. */
static int picture_size(const struct h264_sps *sps, struct nvr_sps *ret_sps)
{
    const uint32_t chroma = sps->separate_planes ? 0 : sps->chroma_format;
    const uint32_t field = sps->frame_mbs_only ? 1 : 2;
    const uint32_t unit_x = chroma == 1 || chroma == 2 ? 2 : 1;
    const uint32_t unit_y = (chroma == 1 ? 2 : 1) * field;
    const uint32_t width = sps->mbs_wide * 16;
    const uint32_t height = sps->map_units_high * 16 * field;
    const uint32_t cut_x = (sps->crop[0] + sps->crop[1]) * unit_x;
    const uint32_t cut_y = (sps->crop[2] + sps->crop[3]) * unit_y;

    if (cut_x >= width || cut_y >= height || width > NVR_VIDEO_SIDE_MAX ||
        height > NVR_VIDEO_SIDE_MAX)
        return -EPROTO;
    ret_sps->width = width - cut_x;
    ret_sps->height = height - cut_y;
    return 0;
}

int nvr_h264_parse_sps(const uint8_t *nal, size_t size, struct nvr_sps *ret_sps)
{
    struct h264_sps sps = {.chroma_format = 1};
    struct nvr_sps told = {0};
    struct bits bits;
    int r;

    if (size < 4 || nvr_h264_nal_type(nal) != 7)
        return -EPROTO;
    bits_init(&bits, nal + 1, size - 1);
    told.profile = (uint8_t)bits_read(&bits, 8);
    told.constraints = (uint8_t)bits_read(&bits, 8);
    told.level = (uint8_t)bits_read(&bits, 8);
    (void)bits_ue_max(&bits, 31); /* seq_parameter_set_id */
    if (has_chroma_fields(told.profile))
        parse_chroma(&bits, &sps);
    (void)bits_ue_max(&bits, 12); /* log2_max_frame_num_minus4 */
    parse_picture_order(&bits, &sps);
    sps.ref_frames = bits_ue_max(&bits, 16);
    (void)bits_flag(&bits); /* gaps_in_frame_num_value_allowed_flag */
    parse_frame_size(&bits, &sps);
    const bool has_vui = bits_flag(&bits);

    if (bits.error)
        return -EPROTO;
    r = picture_size(&sps, &told);
    if (r < 0)
        return r;
    /* Cut or broken VUI occurs in cameras: what was read before it stands. */
    if (has_vui)
        parse_vui(&bits, &sps, &told);
    if (!sps.has_reorder)
        told.reorder_frames = guess_reorder(&sps, &told);
    *ret_sps = told;
    return 0;
}

int nvr_h264_codec_string(const struct nvr_sps *sps, char *dst, size_t dst_size)
{
    const int r =
        nvr_fmt(dst, dst_size, "avc1.%02x%02x%02x", sps->profile, sps->constraints, sps->level);

    return NVR_MIN(r, 0);
}
