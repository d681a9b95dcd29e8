/* H.265 sequence parameter set: ITU-T H.265 §7.3.2.2.1, §7.3.3 and annex E.2. */
#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/media/bits.h"
#include "lib/media/codec.h"

#define NAL_SPS 33
#define SUB_LAYERS_MAX 7
#define RPS_MAX 64
#define RPS_PICS_MAX 16
#define LONG_TERM_MAX 32
#define EXTENDED_SAR 255

struct h265_rps {
    uint32_t pics; /* NumDeltaPocs */
};

static void parse_profile_tier_level(struct bits *bits, unsigned sub_layers, struct nvr_sps *sps)
{
    bool has_profile[SUB_LAYERS_MAX] = {0};
    bool has_level[SUB_LAYERS_MAX] = {0};

    sps->profile_space = (uint8_t)bits_read(bits, 2);
    sps->constraints = (uint8_t)bits_read(bits, 1); /* general_tier_flag */
    sps->profile = (uint8_t)bits_read(bits, 5);
    sps->profile_compatibility = bits_read(bits, 32);
    for (size_t i = 0; i < sizeof(sps->constraint_flags); i++)
        sps->constraint_flags[i] = (uint8_t)bits_read(bits, 8);
    sps->level = (uint8_t)bits_read(bits, 8);
    for (unsigned i = 0; i + 1 < sub_layers; i++) {
        has_profile[i] = bits_flag(bits);
        has_level[i] = bits_flag(bits);
    }
    if (sub_layers > 1)
        bits_skip(bits, (size_t)2 * (8 - (sub_layers - 1))); /* reserved_zero_2bits up to eight */
    for (unsigned i = 0; i + 1 < sub_layers; i++)
        bits_skip(bits, (has_profile[i] ? 88u : 0u) + (has_level[i] ? 8u : 0u));
}

/* 0 or -EPROTO. */
static int parse_picture_size(struct bits *bits, struct nvr_sps *sps)
{
    const uint32_t chroma = bits_ue_max(bits, 3);
    const bool separate = chroma == 3 && bits_flag(bits);
    const uint32_t unit_x = !separate && (chroma == 1 || chroma == 2) ? 2 : 1;
    const uint32_t unit_y = chroma == 1 ? 2 : 1;
    const uint32_t width = bits_ue_max(bits, NVR_VIDEO_SIDE_MAX);
    const uint32_t height = bits_ue_max(bits, NVR_VIDEO_SIDE_MAX);
    uint32_t crop[4] = {0};

    if (bits_flag(bits)) /* conformance_window_flag */
        for (unsigned i = 0; i < 4; i++)
            crop[i] = bits_ue_max(bits, NVR_VIDEO_SIDE_MAX);
    const uint32_t cut_x = (crop[0] + crop[1]) * unit_x;
    const uint32_t cut_y = (crop[2] + crop[3]) * unit_y;

    if (bits->error || cut_x >= width || cut_y >= height)
        return -EPROTO;
    sps->width = width - cut_x;
    sps->height = height - cut_y;
    return 0;
}

static void skip_scaling_lists(struct bits *bits)
{
    for (unsigned size = 0; size < 4; size++) {
        for (unsigned matrix = 0; matrix < 6 && !bits->error; matrix += size == 3 ? 3 : 1) {
            const unsigned coefficients = size == 0 ? 16 : 64;

            if (!bits_flag(bits)) { /* scaling_list_pred_mode_flag */
                (void)bits_ue(bits);
                continue;
            }
            if (size > 1)
                (void)bits_se(bits); /* scaling_list_dc_coef_minus8 */
            for (unsigned i = 0; i < coefficients && !bits->error; i++)
                (void)bits_se(bits);
        }
    }
}

/* st_ref_pic_set(index), §7.3.7, as far as its length depends on it. */
static void skip_rps(struct bits *bits, struct h265_rps *sets, uint32_t index)
{
    uint32_t pics = 0;

    if (index && bits_flag(bits)) { /* inter_ref_pic_set_prediction_flag */
        (void)bits_flag(bits);      /* delta_rps_sign */
        (void)bits_ue(bits);        /* abs_delta_rps_minus1 */
        for (uint32_t i = 0; i <= sets[index - 1].pics && !bits->error; i++) {
            const bool used = bits_flag(bits); /* used_by_curr_pic_flag */

            if (used || bits_flag(bits)) /* use_delta_flag */
                pics++;
        }
    } else {
        const uint32_t negative = bits_ue_max(bits, RPS_PICS_MAX);
        const uint32_t positive = bits_ue_max(bits, RPS_PICS_MAX);

        pics = negative + positive;
        for (uint32_t i = 0; i < pics && !bits->error; i++) {
            (void)bits_ue(bits);   /* delta_poc_minus1 */
            (void)bits_flag(bits); /* used_by_curr_pic_flag */
        }
    }
    if (pics > RPS_PICS_MAX)
        bits->error = true;
    sets[index].pics = pics;
}

static void skip_coding_tools(struct bits *bits, uint32_t lsb_bits)
{
    struct h265_rps sets[RPS_MAX] = {0};
    uint32_t count;

    for (int i = 0; i < 6; i++)
        (void)bits_ue(bits); /* block sizes and hierarchy depths */
    const bool scaling_list_enabled = bits_flag(bits);

    if (scaling_list_enabled && bits_flag(bits)) /* sps_scaling_list_data_present_flag */
        skip_scaling_lists(bits);
    bits_skip(bits, 2);    /* amp_enabled_flag, sample_adaptive_offset_enabled_flag */
    if (bits_flag(bits)) { /* pcm_enabled_flag */
        bits_skip(bits, 8);
        (void)bits_ue(bits);
        (void)bits_ue(bits);
        (void)bits_flag(bits);
    }
    count = bits_ue_max(bits, RPS_MAX);
    for (uint32_t i = 0; i < count && !bits->error; i++)
        skip_rps(bits, sets, i);
    if (bits_flag(bits)) { /* long_term_ref_pics_present_flag */
        count = bits_ue_max(bits, LONG_TERM_MAX);
        for (uint32_t i = 0; i < count && !bits->error; i++)
            bits_skip(bits, lsb_bits + 1);
    }
    bits_skip(bits, 2); /* sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag */
}

static void parse_vui(struct bits *bits, struct nvr_sps *sps)
{
    if (bits_flag(bits) && bits_read(bits, 8) == EXTENDED_SAR)
        bits_skip(bits, 32);
    if (bits_flag(bits)) /* overscan_info_present_flag */
        (void)bits_flag(bits);
    if (bits_flag(bits)) { /* video_signal_type_present_flag */
        bits_skip(bits, 4);
        if (bits_flag(bits))
            bits_skip(bits, 24);
    }
    if (bits_flag(bits)) { /* chroma_loc_info_present_flag */
        (void)bits_ue(bits);
        (void)bits_ue(bits);
    }
    bits_skip(bits, 3);  /* neutral_chroma, field_seq, frame_field_info */
    if (bits_flag(bits)) /* default_display_window_flag */
        for (int i = 0; i < 4; i++)
            (void)bits_ue(bits);
    if (bits_flag(bits)) { /* vui_timing_info_present_flag */
        const uint32_t ticks = bits_read(bits, 32);
        const uint32_t scale = bits_read(bits, 32);

        if (!bits->error && ticks && scale)
            sps->fps = (double)scale / (double)ticks;
    }
}

int nvr_h265_parse_sps(const uint8_t *nal, size_t size, struct nvr_sps *ret_sps)
{
    struct nvr_sps told = {0};
    uint32_t lsb_bits;
    unsigned sub_layers;
    struct bits bits;
    int r;

    if (size < 4 || nvr_h265_nal_type(nal) != NAL_SPS)
        return -EPROTO;
    bits_init(&bits, nal + 2, size - 2);
    bits_skip(&bits, 4); /* sps_video_parameter_set_id */
    sub_layers = bits_read(&bits, 3) + 1;
    (void)bits_flag(&bits); /* sps_temporal_id_nesting_flag */
    if (sub_layers > SUB_LAYERS_MAX)
        return -EPROTO;
    parse_profile_tier_level(&bits, sub_layers, &told);
    (void)bits_ue_max(&bits, 15); /* sps_seq_parameter_set_id */
    r = parse_picture_size(&bits, &told);
    if (r < 0)
        return r;
    (void)bits_ue_max(&bits, 8); /* bit_depth_luma_minus8 */
    (void)bits_ue_max(&bits, 8); /* bit_depth_chroma_minus8 */
    lsb_bits = bits_ue_max(&bits, 12) + 4;
    /* Per sub-layer, or once for all of them; the last one counts. */
    for (unsigned i = bits_flag(&bits) ? 0 : sub_layers - 1; i < sub_layers; i++) {
        (void)bits_ue_max(&bits, 15); /* sps_max_dec_pic_buffering_minus1 */
        told.reorder_frames = (uint8_t)bits_ue_max(&bits, 15);
        (void)bits_ue(&bits); /* sps_max_latency_increase_plus1 */
    }
    if (bits.error)
        return -EPROTO;
    /* What follows is only read for the frame rate: damage there is forgiven. */
    skip_coding_tools(&bits, lsb_bits);
    if (bits_flag(&bits))
        parse_vui(&bits, &told);
    *ret_sps = told;
    return 0;
}

static uint32_t reverse_bits(uint32_t value)
{
    uint32_t reversed = 0;

    for (int i = 0; i < 32; i++, value >>= 1)
        reversed = reversed << 1 | (value & 1);
    return reversed;
}

/* ISO/IEC 14496-15 annex E.3. */
int nvr_h265_codec_string(const struct nvr_sps *sps, char *dst, size_t dst_size)
{
    static const char *const spaces[] = {"", "A", "B", "C"};
    size_t flags = sizeof(sps->constraint_flags);
    int used =
        nvr_fmt(dst, dst_size, "hvc1.%s%u.%X.%c%u", spaces[sps->profile_space & 3], sps->profile,
                reverse_bits(sps->profile_compatibility), sps->constraints ? 'H' : 'L', sps->level);

    while (flags && !sps->constraint_flags[flags - 1])
        flags--;
    for (size_t i = 0; i < flags && used >= 0; i++) {
        const int r = nvr_fmt(dst + used, dst_size - (size_t)used, ".%X", sps->constraint_flags[i]);

        used = r < 0 ? r : used + r;
    }
    return NVR_MIN(used, 0);
}
