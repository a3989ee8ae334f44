// Templates and patterns: every directive both ways, nothing written unless all matches, mistakes and misuse.

#include "check.h"

static erln_pid a_pid(void) {
    erln_pid pid;
    memset(&pid, 0, sizeof pid);
    memcpy(pid.node, "a@host", 6);
    pid.id = 85;
    pid.creation = 7;
    return pid;
}

static bool is(erln_bytes bytes, const char *text) {
    return bytes.len == strlen(text) && memcmp(bytes.ptr, text, bytes.len) == 0;
}

static void every_directive_goes_both_ways(void) {
    static const char format[] = "{~i, ~l, ~u, ~c, ~f, ~d, ~w, ~a, ~s, ~S, ~b, ~p, ~r, ~o, ~t}";
    erln_pid pid = a_pid(), pid_back;
    erln_ref ref, ref_back;
    erln_port port, port_back;
    memset(&ref, 0, sizeof ref);
    memcpy(ref.node, "a@host", 6);
    ref.len = 2;
    ref.words[1] = 9;
    memset(&port, 0, sizeof port);
    memcpy(port.node, "a@host", 6);
    port.id = 3;
    const uint8_t nil[] = {131, 106};

    erln_writer *w = erln_writer_new();
    CHECK(erln_write(w, format, -1, (int64_t)1 << 40, UINT64_MAX, 255, 1.5, 2.5, true, "ok", "h\xc3\xa9", "h\xc3\xa9",
                     "xyz", (size_t)2, &pid, &ref, &port, nil, sizeof nil));
    erln_bytes term;
    CHECK_OK(erln_writer_finish(w, &term));

    int i = 0;
    int64_t l = 0;
    uint64_t u = 0;
    uint8_t c = 0;
    double f = 0, d = 0;
    bool b = false;
    erln_bytes atom, string, text, binary, any;
    erln_reader r;
    CHECK_OK(erln_reader_init(&r, term.ptr, term.len));
    CHECK(erln_read_match(&r, format, &i, &l, &u, &c, &f, &d, &b, &atom, &string, &text, &binary, &pid_back,
                          &ref_back, &port_back, &any));
    CHECK(i == -1 && l == (int64_t)1 << 40 && u == UINT64_MAX && c == 255 && f == 1.5 && d == 2.5 && b);
    CHECK(is(atom, "ok") && is(string, "h\xe9") && is(text, "h\xc3\xa9") && is(binary, "xy"));
    CHECK(memcmp(&pid, &pid_back, sizeof pid) == 0 && memcmp(&ref, &ref_back, sizeof ref) == 0);
    CHECK(memcmp(&port, &port_back, sizeof port) == 0);
    CHECK(any.len == 1 && any.ptr[0] == 106);
    CHECK_OK(erln_reader_finish(&r));
    erln_writer_free(w);
}

static void a_pattern_that_does_not_match_writes_nothing(void) {
    erln_writer *w = erln_writer_new();
    CHECK(erln_write(w, "{put, ~b, #{n => ~i, ttl => 60}}", "key", (size_t)3, 7));
    erln_bytes term, key = {NULL, 0};
    CHECK_OK(erln_writer_finish(w, &term));
    erln_reader r;
    int n = -1, ttl = -1;
    CHECK_OK(erln_reader_init(&r, term.ptr, term.len));
    CHECK(!erln_read_match(&r, "{put, ~b, ~i}", &key, &n));
    CHECK(!erln_read_match(&r, "{get, ~b, _}", &key));
    CHECK(key.ptr == NULL && n == -1);
    CHECK(erln_read_match(&r, "{put, ~b, #{ttl := ~i, n := ~i}}", &key, &ttl, &n));
    CHECK(is(key, "key") && ttl == 60 && n == 7);
    erln_writer_free(w);
}

static void mistakes_are_told(void) {
    erln_writer *w = erln_writer_new();
    erln_bytes term;
    CHECK(!erln_write(w, "{unclosed", 0));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_writer_finish(w, &term));
    erln_writer_clear(w);
    CHECK(!erln_write(w, "{~q}", 0));
    CHECK(strstr(erln_last_error(), "~") != NULL);
    erln_writer_clear(w);
    CHECK(!erln_write(w, NULL));
    erln_writer_clear(w);
    CHECK(!erln_write(w, "{~p}", (const erln_pid *)NULL));
    erln_writer_clear(w);
    CHECK(!erln_write(w, "{~a}", (const char *)NULL));
    erln_writer_clear(w);
    CHECK(!erln_write(w, "~S", "\xff"));
    erln_writer_clear(w);
    CHECK(!erln_write(w, "~d", 1.0 / 0.0));
    erln_writer_clear(w);
    char many[3 * (ERLN_MAX_ARGS + 1) + 3] = "[";
    for (int n = 0; n <= ERLN_MAX_ARGS; n++) strcat(many, n == 0 ? "~w" : ",~w");
    strcat(many, "]");
    CHECK(!erln_write(w, many, 1));
    CHECK(strstr(erln_last_error(), "ERLN_MAX_ARGS") != NULL);
    erln_writer_clear(w);

    // The array forms check letters, counts and NULLs.
    erln_arg arg;
    memset(&arg, 0, sizeof arg);
    arg.letter = 'i';
    CHECK(!erln_write_args(w, "{~l}", &arg, 1));
    erln_writer_clear(w);
    CHECK(!erln_write_args(w, "{~i, ~i}", &arg, 1));
    erln_writer_clear(w);
    CHECK(!erln_write_args(w, "{}", &arg, 1));
    erln_writer_clear(w);
    CHECK(!erln_write_args(w, "{~i}", NULL, 1));
    erln_writer_clear(w);
    CHECK(erln_write_args(w, "{~i}", &arg, 1));
    CHECK_OK(erln_writer_finish(w, &term));
    erln_reader r;
    CHECK_OK(erln_reader_init(&r, term.ptr, term.len));
    CHECK(!erln_read_match(&r, "{~i}", (int *)NULL));
    CHECK(!erln_read_match(&r, "{~i", NULL));
    CHECK(!erln_read_match_args(&r, "{~i}", NULL, 0));
    CHECK(!erln_read_match_args(NULL, "{~i}", NULL, 0));
    arg.letter = 'p';
    int n = 0;
    arg.value.out = &n;
    CHECK(!erln_read_match_args(&r, "{~i}", &arg, 1));
    arg.letter = 'i';
    CHECK(erln_read_match_args(&r, "{~i}", &arg, 1));
    erln_writer_free(w);
}

static void text_goes_both_ways(void) {
    static const char erlang[] = "{put,<<\"key\">>,[1,2.5,ok]}";
    erln_writer *w = erln_writer_new();
    erln_bytes term;
    char text[64];
    size_t len = 0;
    CHECK(erln_write_erlang(w, erlang));
    CHECK_OK(erln_writer_finish(w, &term));
    CHECK_OK(erln_print(term.ptr, term.len, ERLN_ERLANG, text, sizeof text, &len));
    CHECK(strcmp(text, erlang) == 0 && len == strlen(erlang));
    CHECK_OK(erln_print(term.ptr, term.len, ERLN_ELIXIR, text, sizeof text, NULL));
    CHECK(strcmp(text, "{:put, \"key\", [1, 2.5, :ok]}") == 0);
    CHECK_OK(erln_print(term.ptr, term.len, ERLN_ERLANG, text, 5, &len));
    CHECK(strcmp(text, "{put") == 0 && len == strlen(erlang));
    CHECK_OK(erln_print(term.ptr, term.len, ERLN_ERLANG, NULL, 0, &len));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_print(term.ptr, term.len, 7, text, sizeof text, NULL));
    CHECK_STATUS(ERLN_ERR_MALFORMED, erln_print(term.ptr, 3, ERLN_ERLANG, text, sizeof text, NULL));
    erln_writer_clear(w);
    CHECK(!erln_write_erlang(w, "{put,"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_writer_finish(w, &term));
    erln_writer_free(w);
}

int main(void) {
    text_goes_both_ways();
    every_directive_goes_both_ways();
    a_pattern_that_does_not_match_writes_nothing();
    mistakes_are_told();
    return 0;
}
