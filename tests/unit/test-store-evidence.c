/* Store: the chain of links, checkpoints, findings, what is checked next. */
#include "tests/unit/store-fixture.h"

#include "lib/config/signing_key.h"
#include "lib/store/evidence.h"

static struct nvr_signing_key *key;

static int setup_key(void **state)
{
    char path[160];
    struct fixture *f;

    assert_int_equal(setup(state), 0);
    f = *state;
    assert_int_equal(nvr_path_join(path, sizeof(path), f->folder, "evidence.key"), 0);
    assert_int_equal(nvr_signing_key_open(path, &key), 0);
    assert_int_equal(nvr_store_set_key(f->store, key), 0);
    return 0;
}

static int teardown_key(void **state)
{
    const int r = teardown(state);

    nvr_signing_key_free(NVR_TAKE(key));
    return r;
}

static void write_now(struct fixture *f, nvr_store_job job, void *arg)
{
    assert_int_equal(nvr_store_write(f->store, job, NULL, arg), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), 0);
}

static struct nvr_evidence_link get_link(struct fixture *f, const char *camera, int64_t start_ms)
{
    struct nvr_evidence_link link;
    struct nvr_recording row;
    struct nvr_db *db;

    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_recordings_get(db, camera, start_ms, &row), 0);
    nvr_store_read_end(f->store, db);
    assert_true(nvr_recording_get_link(&row, &link));
    assert_true(nvr_evidence_link_is_whole(&link));
    assert_true(link.is_signed);
    assert_true(nvr_evidence_signature_is_good(nvr_signing_key_get_public(key), link.chain, 32,
                                               link.signature));
    return link;
}

static int job_checkpoint(struct nvr_db *db, void *arg)
{
    int64_t *at_ms = arg;
    const int r = nvr_evidence_checkpoint_all(db, *at_ms);

    *at_ms = r;
    return r < 0 ? r : 0;
}

static void test_chain(void **state)
{
    struct fixture *f = *state;
    struct nvr_evidence_link one, two, three;
    const uint8_t zero[32] = {0};

    add(f, "a", T0, 10000);
    add(f, "a", T0 + 20000, 10000);
    add(f, "b", T0, 10000);
    add(f, "a", T0 + 10000, 10000); /* found late, after a crash: last in the chain */
    one = get_link(f, "a", T0);
    two = get_link(f, "a", T0 + 20000);
    three = get_link(f, "a", T0 + 10000);
    assert_int_equal(one.seq, 1);
    assert_memory_equal(one.prev, zero, 32);
    assert_int_equal(two.seq, 2);
    assert_memory_equal(two.prev, one.chain, 32);
    assert_int_equal(three.seq, 3);
    assert_memory_equal(three.prev, two.chain, 32);
    assert_int_equal(get_link(f, "b", T0).seq, 1);
}

static void test_same_bytes_keep_their_link(void **state)
{
    struct fixture *f = *state;
    struct nvr_recording row = make("a", T0, 10000);
    struct nvr_evidence_checkpoint checkpoint;
    struct nvr_evidence_link before, after;
    struct nvr_db *db;
    int64_t found = 0;

    row.protected_ = row.has_events = true;
    write_now(f, job_upsert, &row);
    add(f, "a", T0 + 10000, 10000);
    before = get_link(f, "a", T0);
    row.protected_ = row.has_events = false;
    write_now(f, job_upsert, &row);
    after = get_link(f, "a", T0);
    assert_memory_equal(&after, &before, sizeof(after));

    /* Repaired: other bytes, a new link, and the old one's value is kept. */
    row.checksum[0] = 'b';
    row.file_size = 900;
    write_now(f, job_upsert, &row);
    after = get_link(f, "a", T0);
    assert_int_equal(after.seq, 3);
    assert_memory_equal(after.prev, get_link(f, "a", T0 + 10000).chain, 32);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_evidence_checkpoint_from(db, "a", 1, &checkpoint), 0);
    assert_int_equal(checkpoint.seq, 1);
    assert_memory_equal(checkpoint.chain, before.chain, 32);
    assert_int_equal(nvr_findings_count(db, &found), 0);
    assert_int_equal(found, 1); /* and that it was changed */
    /* What was known of its time is still known. */
    assert_int_equal(nvr_recordings_get(db, "a", T0, &row), 0);
    assert_true(row.protected_ && row.has_events);
    nvr_store_read_end(f->store, db);
}

static int see_head(const struct nvr_evidence_head *head, void *arg)
{
    struct nvr_evidence_head *heads = arg;

    while (heads->seq)
        heads++;
    *heads = *head;
    return 0;
}

static void test_checkpoints(void **state)
{
    struct fixture *f = *state;
    struct nvr_evidence_checkpoint checkpoint;
    struct nvr_evidence_head heads[4] = {0};
    char message[NVR_CHECKPOINT_MESSAGE_MAX];
    struct nvr_db *db;
    int64_t count = T0;

    add(f, "a", T0, 10000);
    add(f, "a", T0 + 10000, 10000);
    add(f, "b", T0, 10000);
    write_now(f, job_checkpoint, &count);
    assert_int_equal(count, 2);
    count = T0 + 1;
    write_now(f, job_checkpoint, &count);
    assert_int_equal(count, 0); /* nothing new */
    add(f, "a", T0 + 20000, 10000);
    count = T0 + 2;
    write_now(f, job_checkpoint, &count);
    assert_int_equal(count, 1);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_evidence_heads_each(db, see_head, heads), 0);
    assert_string_equal(heads[0].camera, "a");
    assert_int_equal(heads[0].seq, 3);
    assert_int_equal(heads[0].checkpoint_seq, 3);
    assert_int_equal(heads[0].checkpoint_ms, T0 + 2);
    assert_string_equal(heads[1].camera, "b");
    assert_int_equal(heads[2].seq, 0);
    assert_int_equal(nvr_evidence_checkpoint_from(db, "a", 1, &checkpoint), 0);
    assert_int_equal(checkpoint.seq, 2);
    assert_int_equal(nvr_evidence_checkpoint_from(db, "a", 4, &checkpoint), -ENOENT);
    nvr_store_read_end(f->store, db);
    const size_t size = nvr_evidence_checkpoint_message(&checkpoint, message);

    assert_true(nvr_evidence_signature_is_good(nvr_signing_key_get_public(key), message, size,
                                               checkpoint.signature));
}

struct finding_job {
    struct nvr_finding finding;
    int result;
};

static int job_finding(struct nvr_db *db, void *arg)
{
    struct finding_job *job = arg;

    job->result = nvr_findings_add(db, &job->finding);
    return job->result < 0 ? job->result : 0;
}

static int job_acknowledge(struct nvr_db *db, void *arg)
{
    const int64_t *id = arg;

    return nvr_findings_delete(db, *id);
}

static int see_finding(const struct nvr_finding *finding, void *arg)
{
    *(struct nvr_finding *)arg = *finding;
    return 1;
}

static void test_findings(void **state)
{
    struct fixture *f = *state;
    struct finding_job job = {.finding = {.camera = "a",
                                          .start_ms = T0,
                                          .kind = "changed",
                                          .at_ms = T0 + 4000,
                                          .detail = "one byte",
                                          .found_ms = T0 + 99}};
    struct nvr_finding seen = {0};
    struct nvr_db *db;
    int64_t count = -1, id = 0;

    write_now(f, job_finding, &job);
    assert_int_equal(job.result, 1);
    job.finding.at_ms = T0 + 3000;
    write_now(f, job_finding, &job);
    assert_int_equal(job.result, 0);
    job.finding.at_ms = -1;
    memcpy(job.finding.kind, "missing", sizeof("missing"));
    write_now(f, job_finding, &job);
    assert_int_equal(job.result, 1);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_findings_count(db, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(nvr_findings_each(db, 0, 10, see_finding, &seen), 0);
    assert_string_equal(seen.kind, "missing");
    assert_int_equal(seen.at_ms, -1);
    id = seen.id;
    assert_int_equal(nvr_findings_each(db, seen.id, 10, see_finding, &seen), 0);
    assert_string_equal(seen.kind, "changed");
    assert_int_equal(seen.at_ms, T0 + 3000);
    nvr_store_read_end(f->store, db);
    write_now(f, job_acknowledge, &id);
    assert_int_equal(nvr_store_write(f->store, job_acknowledge, NULL, &id), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), -ENOENT);
    job.finding.kind[0] = 'x';
    assert_int_equal(nvr_store_write(f->store, job_finding, NULL, &job), 0);
    assert_int_equal(nvr_store_flush(f->store, 5000), -EINVAL);
}

struct checked_job {
    int64_t start_ms, at_ms;
};

static int job_checked(struct nvr_db *db, void *arg)
{
    const struct checked_job *job = arg;

    return nvr_evidence_set_checked(db, "a", job->start_ms, job->at_ms);
}

static void test_oldest_check_first(void **state)
{
    struct fixture *f = *state;
    struct nvr_recording row;
    struct nvr_db *db;
    int64_t bytes = 0;

    for (int i = 0; i < 3; i++)
        add(f, "a", T0 + i * 10000, 10000);
    write_now(f, job_checked, &(struct checked_job){T0, 3000});
    write_now(f, job_checked, &(struct checked_job){T0 + 10000, 1000});
    write_now(f, job_checked, &(struct checked_job){T0 + 20000, 2000});
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_evidence_next_to_check(db, 5000, &row), 0);
    assert_int_equal(row.start_ms, T0 + 10000);
    assert_int_equal(nvr_evidence_next_to_check(db, 1000, &row), -ENOENT);
    assert_int_equal(nvr_evidence_total_bytes(db, &bytes), 0);
    assert_int_equal(bytes, 3000);
    nvr_store_read_end(f->store, db);
    write_now(f, job_checked, &(struct checked_job){T0 + 10000, 4000});
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_evidence_next_to_check(db, 5000, &row), 0);
    assert_int_equal(row.start_ms, T0 + 20000);
    nvr_store_read_end(f->store, db);
}

static void test_digests(void **state)
{
    struct fixture *f = *state;
    static struct nvr_recording in, out;
    struct nvr_db *db;

    in = make("a", T0, 10000);
    in.location = 3;
    in.motion = true;
    in.digests_count = NVR_RECORDING_DIGESTS_MAX;
    for (uint32_t i = 0; i < in.digests_count; i++)
        in.digests[i] = (struct nvr_prefix_digest){
            i * 1001, 100 + i * UINT64_C(30000000), {(uint8_t)i, 1, 2, 3, 4, 5, 6, 255}};
    write_now(f, job_upsert, &in);
    assert_int_equal(nvr_store_read_begin(f->store, &db), 0);
    assert_int_equal(nvr_recordings_get(db, "a", T0, &out), 0);
    nvr_store_read_end(f->store, db);
    assert_true(out.motion);
    assert_int_equal(out.location, 3);
    assert_int_equal(out.digests_count, in.digests_count);
    for (uint32_t i = 0; i < in.digests_count; i++) {
        assert_int_equal(out.digests[i].ms, in.digests[i].ms);
        assert_int_equal(out.digests[i].offset, in.digests[i].offset);
        assert_memory_equal(out.digests[i].sha256, in.digests[i].sha256, 8);
    }
    assert_int_equal(out.keys_count, 3);
}

static void test_damaged_digests(void **state)
{
    static struct nvr_recording row;
    uint8_t packed[NVR_PACK_DIGESTS_MAX];
    size_t size;

    (void)state;
    row.digests_count = 2;
    row.digests[0] = (struct nvr_prefix_digest){1000, 5000, {1}};
    row.digests[1] = (struct nvr_prefix_digest){2000, 9000, {2}};
    size = nvr_pack_digests(&row, packed);
    for (size_t cut = 0; cut < size; cut++) {
        nvr_unpack_digests(packed, cut, &row);
        assert_int_equal(row.digests_count, cut < size / 2 ? 0 : 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_chain, setup_key, teardown_key),
        cmocka_unit_test_setup_teardown(test_same_bytes_keep_their_link, setup_key, teardown_key),
        cmocka_unit_test_setup_teardown(test_checkpoints, setup_key, teardown_key),
        cmocka_unit_test_setup_teardown(test_findings, setup_key, teardown_key),
        cmocka_unit_test_setup_teardown(test_oldest_check_first, setup_key, teardown_key),
        cmocka_unit_test_setup_teardown(test_digests, setup_key, teardown_key),
        cmocka_unit_test(test_damaged_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
