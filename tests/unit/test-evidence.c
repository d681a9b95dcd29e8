/* Evidence: known answers (made with hashlib and another Ed25519), the proof there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/file.h"
#include "lib/base/hex.h"
#include "lib/config/signing_key.h"
#include "lib/media/byte_check.h"
#include "lib/media/evidence.h"

#define T0 INT64_C(1760000000000)
/* Seed 00 01 02 … 1f */
#define SEED_LINE                                                                                  \
    "heron-ed25519-seed:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define PUBLIC "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
#define SHA_ONE "65be5db219c1f48ae75b55fb76164a099ab8ecc4a387f984fdbc9d275a83f0b2"
#define SHA_TWO "4c3982e60247591218b118256580bdbb10a296a7db274f0f0a4730e43bc1a8cc"
#define CHAIN_ONE "23e310a3f20c63b901ee1848de23e04d23c980395db16ef5e3ece81f66ebc4df"
#define CHAIN_TWO "1e19c48d3af45053f606218fbe89f306168a7622009d777c6983e4003b97af2c"
#define SIGNATURE_ONE                                                                              \
    "b050c2ae5df5c8544e07a3d5ac4404219d1e847919c095cd010a3dea4ed2e13167b1791157ea357af62fc18a1143" \
    "ae2605d7f1aaffc48d0d3d9d4a8549f81c0e"
#define SIGNATURE_CHECKPOINT                                                                       \
    "7e91d1420bb7054e25a4ef738445f5035259500794600369cd37de58d3e6a9d800cd23b467887fe9743e3c102f47" \
    "44bdc3ef4bff455eaf12f5f7662b17c40003"
#define SIGNATURE_PROOF                                                                            \
    "d9b23b7c0fa5847193781fb4db4082c9bd31b17330d0b22eba5be5a2dc92b8498c8358fa438d82f25a1bf73b68b4" \
    "1db4eebefd6004f91c9f260e90aa1a06520f"

struct fixture {
    char folder[64], path[96];
    struct nvr_signing_key *key;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    memcpy(f->folder, "/tmp/nvr-evidence-XXXXXX", sizeof("/tmp/nvr-evidence-XXXXXX"));
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(nvr_path_join(f->path, sizeof(f->path), f->folder, "evidence.key"), 0);
    assert_int_equal(nvr_file_write_atomic(f->path, SEED_LINE, strlen(SEED_LINE), 0600), 0);
    assert_int_equal(nvr_signing_key_open(f->path, &f->key), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    nvr_signing_key_free(f->key);
    (void)unlink(f->path);
    (void)rmdir(f->folder);
    free(f);
    return 0;
}

static void assert_hex(const uint8_t *data, size_t size, const char *wanted)
{
    char hex[129];

    nvr_hex_encode(data, size, hex);
    assert_string_equal(hex, wanted);
}

static struct nvr_evidence_link link_one(const struct nvr_signing_key *key)
{
    struct nvr_evidence_link link = {.camera = "front-door",
                                     .seq = 1,
                                     .start_ms = T0,
                                     .end_ms = T0 + 10000,
                                     .size = 12345,
                                     .is_signed = true};

    assert_int_equal(nvr_hex_decode(SHA_ONE, link.sha256, 32), 0);
    nvr_evidence_chain(&link, link.chain);
    nvr_signing_key_sign(key, link.chain, sizeof(link.chain), link.signature);
    return link;
}

static struct nvr_evidence_link link_two(const struct nvr_signing_key *key)
{
    struct nvr_evidence_link link = link_one(key);

    memcpy(link.prev, link.chain, sizeof(link.prev));
    link.seq = 2;
    link.start_ms += 10000;
    link.end_ms += 10000;
    link.size = 23456;
    assert_int_equal(nvr_hex_decode(SHA_TWO, link.sha256, 32), 0);
    nvr_evidence_chain(&link, link.chain);
    nvr_signing_key_sign(key, link.chain, sizeof(link.chain), link.signature);
    return link;
}

static void test_chain(void **state)
{
    const struct fixture *f = *state;
    struct nvr_evidence_link one = link_one(f->key);
    const struct nvr_evidence_link two = link_two(f->key);
    const uint8_t *public = nvr_signing_key_get_public(f->key);
    char fingerprint[NVR_FINGERPRINT_SIZE];

    assert_hex(public, 32, PUBLIC);
    nvr_evidence_fingerprint(public, fingerprint);
    assert_string_equal(fingerprint, "5647 5aa7 5463 474c 0285 df5d bf2b cab7");
    assert_hex(one.chain, 32, CHAIN_ONE);
    assert_hex(two.chain, 32, CHAIN_TWO);
    assert_hex(one.signature, 64, SIGNATURE_ONE);
    assert_true(nvr_evidence_link_is_whole(&one));
    assert_true(nvr_evidence_signature_is_good(public, one.chain, 32, one.signature));
    assert_false(nvr_evidence_signature_is_good(public, one.chain, 32, two.signature));
    /* Every field counts. */
    one.end_ms++;
    assert_false(nvr_evidence_link_is_whole(&one));
    one.end_ms--;
    one.camera[0] = 'g';
    assert_false(nvr_evidence_link_is_whole(&one));
    one.camera[0] = 'f';
    one.prev[31] ^= 1;
    assert_false(nvr_evidence_link_is_whole(&one));
    one.prev[31] ^= 1;
    one.seq = 3;
    assert_false(nvr_evidence_link_is_whole(&one));
}

static void test_checkpoint(void **state)
{
    const struct fixture *f = *state;
    struct nvr_evidence_checkpoint checkpoint = {
        .camera = "front-door", .seq = 1, .at_ms = T0 + 20000};
    char message[NVR_CHECKPOINT_MESSAGE_MAX];
    size_t size;

    assert_int_equal(nvr_hex_decode(CHAIN_ONE, checkpoint.chain, 32), 0);
    size = nvr_evidence_checkpoint_message(&checkpoint, message);
    assert_int_equal(strlen(message), size);
    assert_string_equal(message, "heron checkpoint 1\nfront-door 1 " CHAIN_ONE " 1760000020000\n");
    nvr_signing_key_sign(f->key, message, size, checkpoint.signature);
    assert_hex(checkpoint.signature, 64, SIGNATURE_CHECKPOINT);
}

/* The same as corpus/proof/whole.json. */
static void make_box(const struct fixture *f, struct nvr_buf *box)
{
    const struct nvr_prefix_digest digests[] = {
        {1000, 100, {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77}},
        {2000, 12345, {0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}}};
    struct nvr_evidence_checkpoint checkpoint = {
        .camera = "front-door", .seq = 1, .at_ms = T0 + 20000};
    const struct nvr_proof_segment first = {link_one(f->key), 40, 12345, 2, digests};
    const struct nvr_proof_segment *segments;
    const struct nvr_proof_segment second = {link_two(f->key), -1, 0, 0, NULL};
    uint8_t signature[NVR_SIGNATURE_SIZE];
    NVR_AUTO(nvr_proof) proof = NULL;
    struct nvr_buf message;

    assert_int_equal(
        nvr_proof_new("Einbruch – Tür", T0 + 100000, nvr_signing_key_get_public(f->key), &proof),
        0);
    assert_int_equal(nvr_proof_add_item(proof, "front-door", T0, T0 + 30000), 0);
    assert_int_equal(nvr_proof_add_segment(proof, &first), 0);
    assert_int_equal(nvr_proof_add_segment(proof, &second), 0);
    assert_int_equal(nvr_proof_get_segments(proof, &segments), 2);
    assert_int_equal(segments[1].link.seq, 2);
    assert_string_equal(nvr_proof_get_name(proof), "Einbruch – Tür");
    assert_int_equal(nvr_proof_add_gap(proof, "front-door", T0 + 20000, T0 + 30000, "network"), 0);
    assert_int_equal(nvr_hex_decode(CHAIN_ONE, checkpoint.chain, 32), 0);
    assert_int_equal(nvr_hex_decode(SIGNATURE_CHECKPOINT, checkpoint.signature, 64), 0);
    assert_int_equal(nvr_proof_add_checkpoint(proof, &checkpoint), 0);
    nvr_buf_init(&message, NVR_PROOF_SIZE_MAX);
    assert_int_equal(nvr_proof_message(proof, &message), 0);
    nvr_signing_key_sign(f->key, message.data, message.len, signature);
    nvr_buf_done(&message);
    assert_hex(signature, 64, SIGNATURE_PROOF);
    assert_int_equal(nvr_proof_finish(proof, signature, box), 0);
}

static void test_proof_round_trip(void **state)
{
    const struct fixture *f = *state;
    const struct nvr_proof_segment *segments;
    const struct nvr_evidence_checkpoint *checkpoints;
    const struct nvr_proof_range *ranges;
    NVR_AUTO(nvr_proof) proof = NULL;
    struct nvr_buf box;
    char reason[160] = "";

    nvr_buf_init(&box, NVR_PROOF_SIZE_MAX);
    assert_int_equal(nvr_buf_append_str(&box, "before"), 0);
    make_box(f, &box);
    assert_true(nvr_proof_is_box(box.data + 6));
    assert_int_equal((box.data[8] << 8) + box.data[9], box.len - 6);
    assert_int_equal(nvr_proof_parse(box.data + 6 + NVR_PROOF_BOX_HEADER_SIZE,
                                     box.len - 6 - NVR_PROOF_BOX_HEADER_SIZE, &proof, reason,
                                     sizeof(reason)),
                     0);
    nvr_buf_done(&box);
    assert_string_equal(nvr_proof_get_name(proof), "Einbruch – Tür");
    assert_int_equal(nvr_proof_get_created_ms(proof), T0 + 100000);
    assert_hex(nvr_proof_get_public_key(proof), 32, PUBLIC);
    assert_int_equal(nvr_proof_get_segments(proof, &segments), 2);
    assert_hex(segments[0].link.chain, 32, CHAIN_ONE);
    assert_true(segments[0].link.is_signed);
    assert_true(nvr_evidence_link_is_whole(&segments[1].link));
    assert_int_equal(segments[0].offset, 40);
    assert_int_equal(segments[1].offset, -1);
    assert_int_equal(segments[0].digests_count, 2);
    assert_int_equal(segments[0].digests[1].offset, 12345);
    assert_hex(segments[0].digests[1].sha256, 8, "8899aabbccddeeff");
    assert_int_equal(nvr_proof_get_gaps(proof, &ranges), 1);
    assert_string_equal(ranges[0].cause, "network");
    assert_int_equal(nvr_proof_get_items(proof, &ranges), 1);
    assert_int_equal(ranges[0].end_ms, T0 + 30000);
    assert_int_equal(nvr_proof_get_checkpoints(proof, &checkpoints), 1);
    assert_int_equal(checkpoints[0].at_ms, T0 + 20000);
    assert_true(nvr_proof_signature_is_good(proof, nvr_signing_key_get_public(f->key)));
    assert_false(nvr_proof_signature_is_good(proof, checkpoints[0].chain));
}

/* Whatever byte is changed: the text does not parse any more, or its signature is wrong. */
static void test_proof_every_byte(void **state)
{
    const struct fixture *f = *state;
    const uint8_t *public = nvr_signing_key_get_public(f->key);
    struct nvr_buf box;

    nvr_buf_init(&box, NVR_PROOF_SIZE_MAX);
    make_box(f, &box);
    for (size_t i = NVR_PROOF_BOX_HEADER_SIZE; i < box.len; i++) {
        NVR_AUTO(nvr_proof) proof = NULL;
        uint8_t *byte = &box.data[i];
        const uint8_t was = *byte;

        *byte = was == '0' ? '1' : '0';
        if (nvr_proof_parse(box.data + NVR_PROOF_BOX_HEADER_SIZE,
                            box.len - NVR_PROOF_BOX_HEADER_SIZE, &proof, NULL, 0) == 0)
            assert_false(nvr_proof_signature_is_good(proof, public));
        *byte = was;
    }
    nvr_buf_done(&box);
}

static void test_proof_refuses(void **state)
{
    const struct fixture *f = *state;
    struct nvr_proof_segment segment = {link_one(f->key), 40, 12345, 0, NULL};
    NVR_AUTO(nvr_proof) proof = NULL;
    const uint8_t *public = nvr_signing_key_get_public(f->key);
    char reason[160] = "";

    assert_int_equal(nvr_proof_new("line\nbreak", T0, public, &proof), -EINVAL);
    assert_int_equal(nvr_proof_new("ok", -1, public, &proof), -EINVAL);
    assert_int_equal(nvr_proof_new("ok", T0, public, &proof), 0);
    assert_int_equal(nvr_proof_add_item(proof, "../etc", T0, T0 + 1), -EINVAL);
    assert_int_equal(nvr_proof_add_item(proof, "door", T0, T0 - 1), -EINVAL);
    assert_int_equal(nvr_proof_add_gap(proof, "door", T0, T0 + 1, "a cause that is far too long"),
                     -EINVAL);
    segment.file_bytes = segment.link.size + 1;
    assert_int_equal(nvr_proof_add_segment(proof, &segment), -EINVAL);
    for (size_t i = 0; i < NVR_PROOF_ITEMS_MAX; i++)
        assert_int_equal(nvr_proof_add_item(proof, "door", T0, T0 + 1), 0);
    assert_int_equal(nvr_proof_add_item(proof, "door", T0, T0 + 1), -E2BIG);
    nvr_proof_free(NVR_TAKE(proof));
    assert_int_equal(nvr_proof_parse("{}", 2, &proof, reason, sizeof(reason)), -EBADMSG);
    assert_string_equal(reason, "heron_proof is not a number in range");
    assert_int_equal(nvr_proof_parse("[1", 2, &proof, NULL, 0), -EBADMSG);
    assert_null(proof);
}

static void test_key_file(void **state)
{
    const struct fixture *f = *state;
    struct nvr_signing_key *key = NULL;
    uint8_t first[32];
    struct stat st;

    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(nvr_signing_key_open(f->path, &key), 0);
    memcpy(first, nvr_signing_key_get_public(key), sizeof(first));
    nvr_signing_key_free(key);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(nvr_signing_key_open(f->path, &key), 0);
    assert_memory_equal(nvr_signing_key_get_public(key), first, sizeof(first));
    nvr_signing_key_free(key);
    /* A file that holds something else is never written over. */
    assert_int_equal(nvr_file_write_atomic(f->path, "nonsense\n", 9, 0600), 0);
    assert_int_equal(nvr_signing_key_open(f->path, &key), -EBADMSG);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 9);
    assert_int_equal(nvr_signing_key_open("/proc/no/such/key", &key), -ENOENT);
}

/* Fed in pieces of any size, the second of the first changed byte is found. */
static void test_byte_check(void **state)
{
    static uint8_t data[10000], was;
    struct nvr_prefix_digest digests[9];
    struct nvr_byte_check check;
    uint8_t whole[NVR_SHA256_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 + i / 256);
    for (uint32_t i = 0; i < 9; i++) {
        uint8_t sha256[NVR_SHA256_SIZE];
        struct sha256_ctx context;

        sha256_init(&context);
        sha256_update(&context, 1000 * (i + 1), data);
        sha256_digest(&context, sizeof(sha256), sha256);
        digests[i] = (struct nvr_prefix_digest){.ms = 100 * (i + 1), .offset = 1000 * (i + 1)};
        memcpy(digests[i].sha256, sha256, sizeof(digests[i].sha256));
    }
    nvr_byte_check_init(&check, NULL, 0);
    nvr_byte_check_update(&check, data, sizeof(data));
    sha256_digest(&check.context, sizeof(whole), whole);
    for (size_t at = 0; at < sizeof(data); at += 499) {
        was = data[at];
        data[at] ^= 1;
        for (size_t piece = 1; piece <= sizeof(data); piece = piece * 7 + 3) {
            nvr_byte_check_init(&check, digests, 9);
            for (size_t i = 0; i < sizeof(data); i += piece)
                nvr_byte_check_update(&check, data + i, NVR_MIN(piece, sizeof(data) - i));
            assert_false(nvr_byte_check_finish(&check, whole));
            assert_int_equal(nvr_byte_check_get_changed_ms(&check), at / 1000 * 100);
        }
        data[at] = was;
    }
    nvr_byte_check_init(&check, digests, 9);
    nvr_byte_check_update(&check, data, sizeof(data));
    assert_true(nvr_byte_check_finish(&check, whole));
    /* Without digests: changed, but nobody knows where. */
    nvr_byte_check_init(&check, NULL, 0);
    nvr_byte_check_update(&check, data, sizeof(data) - 1);
    assert_false(nvr_byte_check_finish(&check, whole));
    assert_int_equal(nvr_byte_check_get_changed_ms(&check), -1);
    /* Damaged digests. */
    digests[4].offset = 10;
    nvr_byte_check_init(&check, digests, 9);
    nvr_byte_check_update(&check, data, sizeof(data));
    assert_true(nvr_byte_check_finish(&check, whole));
}

static void test_hex(void **state)
{
    uint8_t bytes[3];

    (void)state;
    assert_int_equal(nvr_hex_decode("00ffAb", bytes, 3), 0);
    assert_hex(bytes, 3, "00ffab");
    assert_int_equal(nvr_hex_decode("00ffA", bytes, 3), -EINVAL);
    assert_int_equal(nvr_hex_decode("00ffAbc", bytes, 3), -EINVAL);
    assert_int_equal(nvr_hex_decode("00ffAg", bytes, 3), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proof_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proof_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_proof_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key_file, setup, teardown),
        cmocka_unit_test(test_byte_check),
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
