#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/rtsp/receiver.h"
#include "lib/rtsp/rtcp.h"
#include "lib/rtsp/rtp.h"

/* ---- packets ---- */

static void packets_are_taken_apart(void **state)
{
    static const uint8_t packet[] = {
        0xb1, 0xe0, 0x12, 0x34, 0, 0, 0, 9, 0xca, 0xfe, 0xba, 0xbe, /* P, X, one CSRC, marker */
        1,    2,    3,    4,                                        /* CSRC */
        0xbe, 0xde, 0,    1,    9, 9, 9, 9,                         /* extension */
        7,    8,    0,    2,                                        /* payload, padding */
    };
    struct nvr_rtp_packet out;

    (void)state;
    assert_int_equal(nvr_rtp_parse(packet, sizeof(packet), &out), 0);
    assert_int_equal(out.payload_type, 96);
    assert_true(out.marker);
    assert_int_equal(out.sequence, 0x1234);
    assert_int_equal(out.timestamp, 9);
    assert_int_equal(out.ssrc, 0xcafebabe);
    assert_int_equal(out.size, 2);
    assert_memory_equal(out.payload, "\x07\x08", 2);
    for (size_t n = 0; n < 23; n++) { /* the last byte is then no padding count that fits */
        uint8_t *copy = malloc(n ? n : 1);

        assert_non_null(copy);
        memcpy(copy, packet, n);
        if (nvr_rtp_parse(copy, n, &out) == 0)
            assert_true(out.payload + out.size <= copy + n);
        free(copy);
    }
    assert_int_equal(nvr_rtp_parse((const uint8_t[12]){0x40}, 12, &out), -EPROTO);
    assert_int_equal(nvr_rtp_parse((const uint8_t[12]){0xa0}, 12, &out), -EPROTO);
    assert_int_equal(nvr_rtp_parse((const uint8_t[12]){0x80}, 12, &out), 0);
    assert_int_equal(out.size, 0);
}

/* ---- reorder ---- */

struct order {
    uint16_t sequences[64];
    unsigned count;
};

static void note(void *arg, const uint8_t *data, size_t size, int64_t arrival_us)
{
    struct order *order = arg;

    (void)arrival_us;
    assert_int_equal(size, 12);
    assert_true(order->count < 64);
    order->sequences[order->count++] = nvr_get16(data + 2);
}

static void put(struct nvr_rtp_reorder *reorder, struct order *order, uint16_t sequence,
                int64_t arrival_us)
{
    uint8_t packet[12] = {0x80, 96};

    nvr_put16(packet + 2, sequence);
    nvr_rtp_reorder_push(reorder, packet, sizeof(packet), arrival_us, note, order);
}

static void datagrams_are_put_in_order(void **state)
{
    static const uint16_t want[] = {65534, 65535, 0, 1, 2, 3};
    struct order order = {.count = 0};
    struct nvr_rtp_reorder reorder;

    (void)state;
    nvr_rtp_reorder_init(&reorder);
    put(&reorder, &order, 65534, 0);
    put(&reorder, &order, 0, 1);
    put(&reorder, &order, 2, 2);
    put(&reorder, &order, 2, 2);
    assert_int_equal(order.count, 1);
    put(&reorder, &order, 65535, 3);
    put(&reorder, &order, 1, 4);
    put(&reorder, &order, 0, 5); /* late */
    put(&reorder, &order, 3, 6);
    assert_int_equal(order.count, 6);
    assert_memory_equal(order.sequences, want, sizeof(want));
    assert_int_equal(reorder.late, 2);
    nvr_rtp_reorder_push(&reorder, (const uint8_t *)"", 0, 7, note, &order);
    nvr_rtp_reorder_done(&reorder);
}

static void holes_are_given_up(void **state)
{
    static const uint16_t want[] = {10, 12, 14, 15, 20, 60, 5000};
    struct order order = {.count = 0};
    struct nvr_rtp_reorder reorder;

    (void)state;
    nvr_rtp_reorder_init(&reorder);
    put(&reorder, &order, 10, 0);
    put(&reorder, &order, 12, 0); /* 11 is missing */
    put(&reorder, &order, 14, 50000);
    assert_int_equal(order.count, 1);
    put(&reorder, &order, 15, 70000); /* 12 has waited long enough, 14 has not */
    assert_int_equal(order.count, 2);
    put(&reorder, &order, 20, 115000); /* now 14 and 15 */
    assert_int_equal(order.count, 4);
    put(&reorder, &order, 60, 116000); /* beyond the window */
    put(&reorder, &order, 5000, 117000);
    assert_int_equal(order.count, 7);
    assert_memory_equal(order.sequences, want, sizeof(want));
    nvr_rtp_reorder_done(&reorder);
}

/* ---- RTCP ---- */

static const uint8_t SENDER_REPORT[] = {
    0x80, 200, 0, 6,    0, 0, 0, 1, 0xe9, 0x3c, 0x6f, 0x80, 0x80, 0, 0, 0, /* NTP: half a second */
    0,    0,   3, 0xe8, 0, 0, 0, 5, 0,    0,    0,    9,                   /* RTP time 1000 */
    0x81, 203, 0, 1,    0, 0, 0, 1,                                        /* BYE */
};

static void reports_in(void **state)
{
    struct nvr_rtcp_info info;

    (void)state;
    assert_int_equal(nvr_rtcp_parse(SENDER_REPORT, sizeof(SENDER_REPORT), &info), 0);
    assert_true(info.has_sr && info.has_bye);
    assert_int_equal(info.ssrc, 1);
    assert_int_equal(info.rtp_time, 1000);
    assert_int_equal(info.ntp_middle, 0x6f808000);
    assert_int_equal(info.wall_us, (0xe93c6f80LL - 2208988800LL) * 1000000 + 500000);
    assert_int_equal(info.bye_ssrc, 1);
    for (size_t n = 1; n < sizeof(SENDER_REPORT); n++) {
        if (n != 28)
            assert_int_equal(nvr_rtcp_parse(SENDER_REPORT, n, &info), -EPROTO);
    }
    assert_int_equal(nvr_rtcp_parse(SENDER_REPORT, 28, &info), 0);
    assert_false(info.has_bye);
}

static void reports_out(void **state)
{
    const struct nvr_rtcp_report report = {.own_ssrc = 1,
                                           .source_ssrc = 2,
                                           .has_source = true,
                                           .fraction_lost = 3,
                                           .lost = 4,
                                           .highest_sequence = 5,
                                           .jitter = 6,
                                           .last_sr = 7,
                                           .delay = 8};
    static const uint8_t want[] = {0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0,   2,   3,   0,   0,   4,
                                   0,    0,   0, 5, 0, 0, 0, 6, 0, 0, 0,   7,   0,   0,   0,   8,
                                   0x81, 202, 0, 3, 0, 0, 0, 1, 1, 5, 'h', 'e', 'r', 'o', 'n', 0};
    uint8_t out[NVR_RTCP_REPORT_MAX];
    struct nvr_rtcp_info info;

    (void)state;
    assert_int_equal(nvr_rtcp_build_report(&report, out), sizeof(want));
    assert_memory_equal(out, want, sizeof(want));
    assert_int_equal(nvr_rtcp_parse(out, sizeof(want), &info), 0);
    assert_int_equal(nvr_rtcp_build_report(&(struct nvr_rtcp_report){.own_ssrc = 1}, out), 24);
    assert_int_equal(nvr_rtcp_parse(out, 24, &info), 0);
}

/* ---- receiver ---- */

struct seen {
    struct nvr_rtsp_frame frames[32];
    unsigned count;
};

static void collect(void *arg, const struct nvr_rtsp_frame *frame)
{
    struct seen *seen = arg;

    assert_true(seen->count < 32);
    seen->frames[seen->count++] = *frame;
}

static void start(struct nvr_rtp_receiver *receiver, struct seen *seen)
{
    const struct nvr_depay_options options = {.codec = NVR_CODEC_H264};

    seen->count = 0;
    nvr_rtp_receiver_init(receiver, 0, 96, 90000, &options, collect, seen);
}

static bool feed(struct nvr_rtp_receiver *receiver, uint8_t type, uint16_t sequence,
                 uint32_t timestamp, uint32_t ssrc, int64_t arrival_us)
{
    uint8_t packet[14] = {0x80, 0x80 | type, [12] = 0x41, [13] = 0x9a};

    nvr_put16(packet + 2, sequence);
    nvr_put32(packet + 4, timestamp);
    nvr_put32(packet + 8, ssrc);
    return nvr_rtp_receiver_push(receiver, packet, sizeof(packet), arrival_us);
}

static void time_is_unwrapped_and_losses_counted(void **state)
{
    struct nvr_rtp_receiver receiver;
    struct seen seen;

    (void)state;
    start(&receiver, &seen);
    assert_true(feed(&receiver, 96, 65534, 0xfffffff0, 1, 100));
    assert_true(feed(&receiver, 96, 65535, 0xfffffff8, 1, 200));
    assert_true(feed(&receiver, 96, 2, 0x10, 1, 300)); /* 0 and 1 are lost; both wrap */
    assert_true(feed(&receiver, 96, 3, 0x08, 1, 400)); /* B frame: back in time */
    assert_int_equal(seen.count, 4);
    assert_true(seen.frames[0].discontinuity && !seen.frames[1].discontinuity);
    assert_int_equal(seen.frames[1].pts - seen.frames[0].pts, 8);
    assert_int_equal(seen.frames[2].pts - seen.frames[1].pts, 0x18);
    assert_int_equal(seen.frames[3].pts - seen.frames[2].pts, -8);
    assert_int_equal(seen.frames[2].lost, 2);
    assert_true(seen.frames[2].damaged);
    assert_int_equal(seen.frames[3].lost, 0);
    assert_int_equal(seen.frames[3].arrival_us, 400);
    assert_int_equal(receiver.lost, 2);
    assert_int_equal(receiver.packets, 4);
    /* another source */
    assert_true(feed(&receiver, 96, 700, 5, 2, 500));
    assert_true(seen.frames[4].discontinuity && seen.frames[4].damaged);
    assert_int_equal(seen.frames[4].lost, 0);
    assert_int_equal(receiver.lost, 2);
    /* the same source counts anew */
    assert_true(feed(&receiver, 96, 3, 105, 2, 600));
    assert_true(seen.frames[5].damaged);
    assert_int_equal(receiver.lost, 3);
    nvr_rtp_receiver_done(&receiver);
}

static void other_payload_types(void **state)
{
    struct nvr_rtp_receiver receiver;
    struct seen seen;

    (void)state;
    start(&receiver, &seen);
    assert_true(feed(&receiver, 96, 1, 0, 1, 1));
    assert_false(feed(&receiver, 100, 2, 0, 1, 2)); /* same source: its number counts */
    assert_false(feed(&receiver, 100, 9, 0, 7, 2)); /* another one: ignored */
    assert_true(feed(&receiver, 96, 3, 90, 1, 3));
    assert_int_equal(receiver.lost, 0);
    assert_int_equal(seen.count, 2);
    nvr_rtp_receiver_done(&receiver);
    /* announced one type, sends another */
    start(&receiver, &seen);
    for (uint16_t i = 0; i < 20; i++)
        (void)feed(&receiver, 98, i, i, 1, i);
    assert_true(seen.count > 0);
    nvr_rtp_receiver_done(&receiver);
}

static void sender_reports_give_wall_time(void **state)
{
    struct nvr_rtp_receiver receiver;
    struct seen seen;
    uint8_t report[NVR_RTCP_REPORT_MAX];
    const int64_t wall_us = (0xe93c6f80LL - 2208988800LL) * 1000000 + 500000;

    (void)state;
    start(&receiver, &seen);
    assert_true(feed(&receiver, 96, 1, 1000, 1, 1000000));
    assert_int_equal(seen.frames[0].wall_us, 0);
    assert_false(nvr_rtp_receiver_push_rtcp(&receiver, SENDER_REPORT, 28, 1000000));
    assert_true(feed(&receiver, 96, 2, 1000 + 90000, 1, 2000000));
    assert_int_equal(seen.frames[1].wall_us, wall_us + 1000000);
    assert_true(feed(&receiver, 96, 3, 1000 - 9000, 1, 2000000));
    assert_int_equal(seen.frames[2].wall_us, wall_us - 100000);
    assert_true(feed(&receiver, 96, 5, 1000, 1, 2000000));
    assert_int_equal(nvr_rtp_receiver_report(&receiver, 9, 3000000, report), 48);
    assert_int_equal(nvr_get32(report + 8), 1);
    assert_int_equal(report[12], 256 / 5);              /* one of five */
    assert_int_equal(nvr_get32(report + 12) & 0xff, 1); /* lost so far */
    assert_int_equal(nvr_get32(report + 16), 5);
    assert_int_equal(nvr_get32(report + 24), 0x6f808000);
    assert_int_equal(nvr_get32(report + 28), 2 * 65536);
    assert_int_equal(nvr_rtp_receiver_report(&receiver, 9, 3000000, report), 48);
    assert_int_equal(report[12], 0);
    assert_true(nvr_rtp_receiver_push_rtcp(&receiver, SENDER_REPORT, sizeof(SENDER_REPORT), 1));
    nvr_rtp_receiver_done(&receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_taken_apart),
        cmocka_unit_test(datagrams_are_put_in_order),
        cmocka_unit_test(holes_are_given_up),
        cmocka_unit_test(reports_in),
        cmocka_unit_test(reports_out),
        cmocka_unit_test(time_is_unwrapped_and_losses_counted),
        cmocka_unit_test(other_payload_types),
        cmocka_unit_test(sender_reports_give_wall_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
