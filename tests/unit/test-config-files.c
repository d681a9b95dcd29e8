/* Secrets and config.yaml on disk. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/file.h"
#include "lib/config/config.h"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    (void)unsetenv("NVR_SECRET_KEY");
    memcpy(folder, "/tmp/nvr-config-XXXXXX", sizeof("/tmp/nvr-config-XXXXXX"));
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    const pid_t pid = fork();

    (void)state;
    if (pid == 0)
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
    return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static const char *path_of(const char *name)
{
    static char path[4][256];
    static unsigned next;

    next = (next + 1) % 4;
    assert_int_equal(nvr_path_join(path[next], sizeof(path[0]), folder, name), 0);
    return path[next];
}

static void test_key_file(void **state)
{
    NVR_AUTO(nvr_config_key) key = NULL;
    NVR_AUTO(nvr_config_key) again = NULL;
    NVR_AUTO(nvr_config_key) other = NULL;
    struct stat st;
    char text[256], plain[64];

    (void)state;
    assert_int_equal(nvr_config_key_open(path_of("key"), &key), 0);
    assert_int_equal(stat(path_of("key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(nvr_config_key_open(path_of("key"), &again), 0);
    assert_int_equal(nvr_config_key_open(path_of("other"), &other), 0);
    assert_int_equal(nvr_config_encrypt(key, "s3cret", text, sizeof(text)), 0);
    assert_int_equal(strncmp(text, "encrypted:", 10), 0);
    assert_int_equal(nvr_config_decrypt(again, text, plain, sizeof(plain)), 0);
    assert_string_equal(plain, "s3cret");
    assert_int_equal(nvr_config_decrypt(other, text, plain, sizeof(plain)), -EBADMSG);
    assert_int_equal(nvr_config_decrypt(key, text, plain, 4), -EMSGSIZE);
    text[20] = text[20] == 'A' ? 'B' : 'A';
    assert_int_equal(nvr_config_decrypt(key, text, plain, sizeof(plain)), -EBADMSG);
    assert_int_equal(nvr_config_decrypt(key, "encrypted:", plain, sizeof(plain)), -EBADMSG);
    assert_int_equal(nvr_config_decrypt(key, "plain", plain, sizeof(plain)), 0);
    assert_string_equal(plain, "plain");
    assert_int_equal(nvr_config_encrypt(key, "s3cret", text, 20), -EMSGSIZE);
}

static void test_key_forms(void **state)
{
    static const struct {
        const char *text;
        int result;
    } keys[] = {
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 0},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 0},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n", 0},
        {"correct horse battery staple", -EINVAL},
        {"0001", -EINVAL},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= x", -EINVAL},
    };
    char text[256], plain[64];

    (void)state;
    text[0] = '\0';
    for (size_t i = 0; i < NVR_ARRAY_SIZE(keys); i++) {
        NVR_AUTO(nvr_config_key) key = NULL;

        (void)setenv("NVR_SECRET_KEY", keys[i].text, 1);
        assert_int_equal(nvr_config_key_open(path_of("none"), &key), keys[i].result);
        if (!key)
            continue;
        /* The same key in every form. */
        if (text[0])
            assert_int_equal(nvr_config_decrypt(key, text, plain, sizeof(plain)), 0);
        assert_int_equal(nvr_config_encrypt(key, "x", text, sizeof(text)), 0);
    }
    (void)unsetenv("NVR_SECRET_KEY");
    assert_int_equal(access(path_of("none"), F_OK), -1);
    assert_int_equal(nvr_file_write_atomic(path_of("bad"), "rubbish\n", 8, 0600), 0);
    struct nvr_config_key *bad = NULL;
    assert_int_equal(nvr_config_key_open(path_of("bad"), &bad), -EBADMSG);
}

static void test_wrong_key_is_told(void **state)
{
    static const char text[] = "cameras:\n  - id: a\n    stream:\n      url: rtsp://h\n"
                               "      password: encrypted:AAAA\n";
    NVR_AUTO(nvr_config_key) key = NULL;
    NVR_AUTO(nvr_config) without = NULL;
    struct nvr_config *config = NULL;
    struct nvr_config_errors errors;

    (void)state;
    assert_int_equal(nvr_config_key_open(path_of("key"), &key), 0);
    assert_int_equal(nvr_config_parse(text, sizeof(text) - 1, key, &config, &errors), -EINVAL);
    assert_string_equal(errors.items[0].field, "cameras[0].stream.password");
    assert_int_equal(errors.items[0].line, 5);
    assert_int_equal(nvr_config_parse(text, sizeof(text) - 1, NULL, &without, &errors), 0);
    assert_string_equal(nvr_config_get_camera(without, 0)->stream.password, "");
}

static void save(const char *text, const char *name)
{
    NVR_AUTO(nvr_config) config = NULL;
    struct nvr_config_errors errors;

    assert_int_equal(nvr_config_parse(text, strlen(text), NULL, &config, &errors), 0);
    assert_int_equal(nvr_config_save(config, path_of(name), path_of("versions")), 0);
}

static void expect_file(const char *name, const char *want)
{
    struct nvr_buf buf;

    nvr_buf_init(&buf, 4096);
    assert_int_equal(nvr_file_read(path_of(name), &buf), 0);
    assert_string_equal(nvr_buf_cstr(&buf), want);
    nvr_buf_done(&buf);
}

static unsigned count_versions(void)
{
    DIR *dir = opendir(path_of("versions"));
    const struct dirent *entry;
    unsigned count = 0;

    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static void test_save(void **state)
{
    struct stat st;

    (void)state;
    save("# 1\n", "config.yaml");
    expect_file("config.yaml", "# 1\n");
    assert_int_equal(stat(path_of("config.yaml"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(count_versions(), 0);
    assert_int_equal(chmod(path_of("config.yaml"), 0664), 0);
    save("# 2\n", "config.yaml");
    expect_file("config.yaml", "# 2\n");
    assert_int_equal(stat(path_of("config.yaml"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0664);
    assert_int_equal(count_versions(), 1);
    save("# 2\n", "config.yaml"); /* nothing new */
    assert_int_equal(count_versions(), 1);
    assert_int_equal(symlink("config.yaml", path_of("link.yaml")), 0);
    save("# 3\n", "link.yaml");
    assert_int_equal(lstat(path_of("link.yaml"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    expect_file("config.yaml", "# 3\n");
}

static void test_versions_are_bounded(void **state)
{
    char text[64];

    (void)state;
    /* Older ones, as time would leave them. */
    save("# x\n", "config.yaml");
    assert_int_equal(nvr_mkdir_p(path_of("versions"), 0700), 0);
    for (int i = 0; i < 30; i++) {
        (void)snprintf(text, sizeof(text), "versions/config-20200101-0000%02d-000.yaml", i);
        assert_int_equal(nvr_file_write_atomic(path_of(text), "x", 1, 0600), 0);
    }
    assert_int_equal(nvr_file_write_atomic(path_of("versions/mine.txt"), "x", 1, 0600), 0);
    save("# y\n", "config.yaml");
    assert_int_equal(count_versions(), NVR_CONFIG_VERSIONS_KEPT + 1);
    assert_int_equal(access(path_of("versions/mine.txt"), F_OK), 0);
    assert_int_equal(access(path_of("versions/config-20200101-000000-000.yaml"), F_OK), -1);
    assert_int_equal(access(path_of("versions/config-20200101-000029-000.yaml"), F_OK), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_key_file),
        CASE(test_key_forms),
        CASE(test_wrong_key_is_told),
        CASE(test_save),
        CASE(test_versions_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
