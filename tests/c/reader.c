// Reading and writing terms: every type there and back, wrong guesses, broken bytes, misuse.

#include "check.h"

static void fill(char *field, const char *name) { memcpy(field, name, strlen(name)); }

static void everything_comes_back(void) {
    erln_pid pid, pid_back;
    erln_ref ref, ref_back;
    erln_port port, port_back;
    memset(&pid, 0, sizeof pid);
    memset(&ref, 0, sizeof ref);
    memset(&port, 0, sizeof port);
    fill(pid.node, "a@host");
    pid.id = 85;
    pid.creation = 7;
    fill(ref.node, "a@host");
    ref.creation = 7;
    ref.len = 3;
    ref.words[0] = 1;
    ref.words[2] = 0xffffffffu;
    fill(port.node, "b@host");
    port.id = UINT64_C(1) << 40;

    const uint8_t data[] = {0, 1, 254, 255};
    const uint8_t magnitude[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    erln_writer *w = erln_writer_new();
    CHECK(w != NULL);
    CHECK(erln_write_tuple(w, 16));
    CHECK(erln_write_int64(w, INT64_MIN));
    CHECK(erln_write_uint64(w, UINT64_MAX));
    CHECK(erln_write_double(w, 0.1));
    CHECK(erln_write_bool(w, true));
    CHECK(erln_write_atom(w, "pong"));
    CHECK(erln_write_binary(w, data, sizeof data));
    CHECK(erln_write_text(w, "h\xc3\xa9"));
    CHECK(erln_write_list(w, 2));
    CHECK(erln_write_int64(w, 1));
    CHECK(erln_write_int64(w, 70000));
    CHECK(erln_write_nil(w));
    CHECK(erln_write_map(w, 1));
    CHECK(erln_write_atom_len(w, "keyboard", 3));
    CHECK(erln_write_nil(w));
    CHECK(erln_write_string(w, data, sizeof data));
    CHECK(erln_write_pid(w, &pid));
    CHECK(erln_write_ref(w, &ref));
    CHECK(erln_write_port(w, &port));
    CHECK(erln_write_big(w, true, magnitude, sizeof magnitude));
    CHECK(erln_write_bitstring(w, data, 3, 5));
    CHECK(erln_write_export(w, "erlang", "node", 0));
    erln_bytes term;
    CHECK_OK(erln_writer_finish(w, &term));

    erln_reader r;
    size_t n;
    int64_t i;
    uint64_t u;
    int32_t small;
    double d;
    bool b;
    uint8_t bits;
    erln_bytes bytes;
    CHECK_OK(erln_reader_init(&r, term.ptr, term.len));
    CHECK(erln_reader_kind(&r) == ERLN_KIND_TUPLE);
    CHECK(!erln_read_tuple_of(&r, 2));
    CHECK(erln_read_tuple(&r, &n) && n == 16);
    CHECK(!erln_read_int32(&r, &small));
    CHECK(!erln_read_uint64(&r, &u));
    CHECK(erln_read_int64(&r, &i) && i == INT64_MIN);
    CHECK(!erln_read_int64(&r, &i));
    CHECK(erln_read_uint64(&r, &u) && u == UINT64_MAX);
    CHECK(erln_read_double(&r, &d) && d == 0.1);
    CHECK(erln_read_bool(&r, &b) && b);
    CHECK(!erln_read_atom_is(&r, "ping"));
    erln_reader place = r;
    CHECK(erln_read_atom_is(&r, "pong"));
    CHECK(erln_read_atom(&place, &bytes) && bytes.len == 4 && memcmp(bytes.ptr, "pong", 4) == 0);
    CHECK(erln_read_binary(&r, &bytes) && bytes.len == sizeof data && memcmp(bytes.ptr, data, 4) == 0);
    CHECK(erln_read_binary(&r, &bytes) && bytes.len == 3);
    CHECK(erln_read_list(&r, &n) && n == 2);
    CHECK(erln_read_int32(&r, &small) && small == 1);
    CHECK(erln_read_skip(&r));
    CHECK(erln_read_nil(&r));
    CHECK(erln_read_map(&r, &n) && n == 1);
    CHECK(erln_read_atom_is(&r, "key"));
    CHECK(erln_read_nil(&r));
    place = r;
    CHECK(erln_read_string(&r, &bytes) && bytes.len == 4);
    CHECK(erln_read_list(&place, &n) && n == 4);
    CHECK(erln_read_int64(&place, &i) && i == 0);
    CHECK(erln_read_pid(&r, &pid_back) && memcmp(&pid, &pid_back, sizeof pid) == 0);
    CHECK(erln_read_ref(&r, &ref_back) && memcmp(&ref, &ref_back, sizeof ref) == 0);
    CHECK(erln_read_port(&r, &port_back) && memcmp(&port, &port_back, sizeof port) == 0);
    CHECK(!erln_read_int64(&r, &i));
    CHECK(erln_read_big(&r, &b, &bytes) && b && bytes.len == 9 && memcmp(bytes.ptr, magnitude, 9) == 0);
    CHECK(erln_read_bitstring(&r, &bytes, &bits) && bytes.len == 3 && bits == 5);
    CHECK(erln_reader_kind(&r) == ERLN_KIND_EXPORT);
    CHECK_STATUS(ERLN_ERR_MALFORMED, erln_reader_finish(&r));
    CHECK(erln_read_fun(&r, &bytes));
    CHECK(erln_reader_kind(&r) == ERLN_KIND_NONE);
    CHECK_OK(erln_reader_finish(&r));

    // The whole term as bytes, put into another term.
    erln_writer *outer = erln_writer_new();
    CHECK(erln_write_tuple(outer, 1));
    CHECK(erln_write_term(outer, term.ptr, term.len));
    CHECK_OK(erln_writer_finish(outer, &bytes));
    CHECK(bytes.len == term.len + 2);
    CHECK_OK(erln_reader_init(&r, bytes.ptr, bytes.len));
    CHECK(erln_read_tuple_of(&r, 1));
    erln_bytes inner;
    CHECK(erln_read_term(&r, &inner) && inner.len == term.len && memcmp(inner.ptr, term.ptr, term.len) == 0);
    erln_writer_free(outer);
    erln_writer_free(w);
}

static void broken_bytes_are_remembered(void) {
    // {1, <<a binary of 9 bytes, of which 1 is there>>}
    const uint8_t broken[] = {131, 104, 2, 97, 1, 109, 0, 0, 0, 9, 1};
    erln_reader r;
    int64_t i;
    erln_bytes bytes;
    CHECK_OK(erln_reader_init(&r, broken, sizeof broken));
    CHECK(erln_read_tuple_of(&r, 2));
    CHECK(erln_read_int64(&r, &i));
    CHECK_OK(erln_reader_error(&r));
    CHECK(!erln_read_binary(&r, &bytes));
    CHECK(!erln_read_skip(&r));
    CHECK(!erln_read_int64(&r, &i));
    CHECK_STATUS(ERLN_ERR_MALFORMED, erln_reader_error(&r));
    CHECK_STATUS(ERLN_ERR_MALFORMED, erln_reader_finish(&r));
    CHECK(strstr(erln_last_error(), "malformed") != NULL);
}

static void arrays_go_both_ways(void) {
    const int64_t numbers[] = {0, 255, -1, INT64_MAX, INT64_MIN};
    const double floats[] = {0.5, -1e300};
    int64_t numbers_back[5];
    double floats_back[2];
    size_t count = 0;
    erln_bytes term;
    erln_reader r;
    erln_writer *w = erln_writer_new();
    CHECK(erln_write_tuple(w, 4) && erln_write_int64s(w, numbers, 5) && erln_write_doubles(w, floats, 2));
    CHECK(erln_write_int64s(w, NULL, 0) && erln_write_string(w, (const uint8_t *)"\1\2", 2));
    CHECK_OK(erln_writer_finish(w, &term));
    CHECK_OK(erln_reader_init(&r, term.ptr, term.len));
    CHECK(erln_read_tuple_of(&r, 4));
    CHECK(!erln_read_int64s(&r, numbers_back, 4, &count));
    CHECK(!erln_read_doubles(&r, floats_back, 2, &count));
    CHECK(erln_read_int64s(&r, numbers_back, 5, &count) && count == 5);
    CHECK(memcmp(numbers, numbers_back, sizeof numbers) == 0);
    CHECK(!erln_read_int64s(&r, numbers_back, 5, &count));
    CHECK(erln_read_doubles(&r, floats_back, 2, &count) && count == 2);
    CHECK(memcmp(floats, floats_back, sizeof floats) == 0);
    CHECK(erln_read_doubles(&r, NULL, 0, &count) && count == 0);
    CHECK(erln_read_int64s(&r, numbers_back, 5, &count) && count == 2 && numbers_back[1] == 2);
    CHECK_OK(erln_reader_finish(&r));
    erln_writer_free(w);
}

static void iolists_are_gathered(void) {
    const uint8_t list[] = {108, 0, 0, 0, 3, 107, 0, 2, 'a', 'b', 109, 0, 0, 0, 2, 'c', 'd', 97, 'e', 106};
    erln_reader r;
    uint8_t buffer[8];
    size_t len = 0;
    CHECK_OK(erln_reader_init(&r, list, sizeof list));
    CHECK(!erln_read_iolist(&r, buffer, 4, &len) && len == 5);
    CHECK(erln_read_iolist(&r, buffer, sizeof buffer, &len) && len == 5 && memcmp(buffer, "abcde", 5) == 0);
    CHECK_OK(erln_reader_finish(&r));
}

static void latin1_atoms_become_utf8(void) {
    const uint8_t atom[] = {100, 0, 3, 'f', 0xfc, 'r'};
    erln_reader r;
    erln_bytes bytes;
    CHECK_OK(erln_reader_init(&r, atom, sizeof atom));
    CHECK(erln_read_atom(&r, &bytes) && bytes.len == 4 && memcmp(bytes.ptr, "f\xc3\xbcr", 4) == 0);
}

static void misuse_is_answered(void) {
    erln_reader r;
    erln_bytes bytes;
    int64_t i;
    memset(&r, 0, sizeof r);
    CHECK(!erln_read_int64(&r, &i));
    CHECK(!erln_read_int64(NULL, &i));
    CHECK(erln_reader_kind(NULL) == ERLN_KIND_NONE);
    CHECK(erln_reader_kind(&r) == ERLN_KIND_NONE);
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_reader_finish(&r));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_reader_error(NULL));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_reader_init(NULL, NULL, 0));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_reader_init(&r, NULL, 1));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_reader_init(&r, (const uint8_t *)"x", SIZE_MAX));
    CHECK_OK(erln_reader_init(&r, NULL, 0));
    CHECK(!erln_read_int64(&r, &i));
    CHECK(!erln_read_int64(&r, NULL));

    erln_pid empty;
    memset(&empty, 0, sizeof empty);
    erln_writer *w = erln_writer_new();
    CHECK(!erln_write_pid(w, &empty));
    CHECK(!erln_write_int64(w, 1));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_writer_finish(w, &bytes));
    erln_writer_clear(w);
    CHECK(!erln_write_atom(w, NULL));
    erln_writer_clear(w);
    CHECK(!erln_write_text(w, "\xff"));
    erln_writer_clear(w);
    CHECK(erln_write_tuple(w, 2) && erln_write_int64(w, 1));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_writer_finish(w, &bytes));
    erln_writer_clear(w);
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_writer_finish(w, &bytes));
    double zero = 0.0;
    CHECK(!erln_write_double(w, zero / zero));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_writer_finish(w, &bytes));
    erln_writer_free(w);
    erln_writer_free(NULL);
    CHECK(!erln_write_int64(NULL, 1));
}

static void ids_have_a_text(void) {
    erln_pid pid;
    char text[64];
    size_t len = 0;
    memset(&pid, 0, sizeof pid);
    fill(pid.node, "a@host");
    pid.id = 85;
    CHECK_OK(erln_pid_print(&pid, text, sizeof text, &len));
    CHECK(strlen(text) == len && strstr(text, "85") != NULL);
    CHECK_OK(erln_pid_print(&pid, text, 3, NULL));
    CHECK(strlen(text) == 2);
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_pid_print(NULL, text, 3, NULL));
    memset(pid.node, 'x', sizeof pid.node);
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_pid_print(&pid, text, 3, NULL));
}

int main(void) {
    everything_comes_back();
    broken_bytes_are_remembered();
    arrays_go_both_ways();
    iolists_are_gathered();
    latin1_atoms_become_utf8();
    misuse_is_answered();
    ids_have_a_text();
    return 0;
}
