// Terms as C++ objects over libei, in the manner of eixx: a variant that encodes itself in two passes (size, then bytes), decodes
// itself by asking for the type, and is compared and printed. Round trips of generated terms, checked and printed.
#include <ei.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Term;
using Terms = std::vector<Term>;

struct Term {
    enum class Kind { integer, real, atom, string, binary, pid, port, ref, tuple, list, map } kind;
    long number = 0;
    double real = 0;
    std::string text;
    std::shared_ptr<erlang_pid> pid;
    std::shared_ptr<erlang_port> port;
    std::shared_ptr<erlang_ref> ref;
    std::shared_ptr<Terms> items;

    static Term of(Kind kind) { Term t{}; t.kind = kind; return t; }
    static Term integer(long n) { Term t = of(Kind::integer); t.number = n; return t; }
    static Term floating(double d) { Term t = of(Kind::real); t.real = d; return t; }
    static Term worded(Kind kind, std::string s) { Term t = of(kind); t.text = std::move(s); return t; }
    static Term group(Kind kind, Terms items) { Term t = of(kind); t.items = std::make_shared<Terms>(std::move(items)); return t; }

    void encode(char *buf, int &at) const {
        int r = 0;
        switch (kind) {
        case Kind::integer: r = ei_encode_long(buf, &at, number); break;
        case Kind::real: r = ei_encode_double(buf, &at, real); break;
        case Kind::atom: r = ei_encode_atom_len_as(buf, &at, text.data(), int(text.size()), ERLANG_UTF8, ERLANG_UTF8); break;
        case Kind::string: r = ei_encode_string_len(buf, &at, text.data(), int(text.size())); break;
        case Kind::binary: r = ei_encode_binary(buf, &at, text.data(), long(text.size())); break;
        case Kind::pid: r = ei_encode_pid(buf, &at, pid.get()); break;
        case Kind::port: r = ei_encode_port(buf, &at, port.get()); break;
        case Kind::ref: r = ei_encode_ref(buf, &at, ref.get()); break;
        case Kind::tuple: r = ei_encode_tuple_header(buf, &at, int(items->size())); break;
        case Kind::list: r = ei_encode_list_header(buf, &at, int(items->size())); break;
        case Kind::map: r = ei_encode_map_header(buf, &at, int(items->size() / 2)); break;
        }
        if (r < 0) throw std::runtime_error("encode");
        if (items)
            for (auto const &item : *items) item.encode(buf, at);
        if (kind == Kind::list && !items->empty()) ei_encode_empty_list(buf, &at);
    }

    static Term decode(const char *buf, int &at) {
        int type, size, n = 0;
        if (ei_get_type(buf, &at, &type, &size) < 0) throw std::runtime_error("type");
        auto must = [](int r) { if (r < 0) throw std::runtime_error("decode"); };
        switch (type) {
        case ERL_SMALL_INTEGER_EXT: case ERL_INTEGER_EXT: case ERL_SMALL_BIG_EXT: {
            Term t = integer(0);
            must(ei_decode_long(buf, &at, &t.number));
            return t;
        }
        case ERL_FLOAT_EXT: {
            Term t = floating(0);
            must(ei_decode_double(buf, &at, &t.real));
            return t;
        }
        case ERL_ATOM_EXT: {
            char atom[MAXATOMLEN_UTF8];
            must(ei_decode_atom_as(buf, &at, atom, sizeof atom, ERLANG_UTF8, nullptr, nullptr));
            return worded(Kind::atom, atom);
        }
        case ERL_STRING_EXT: {
            std::string s(size_t(size) + 1, 0);
            must(ei_decode_string(buf, &at, &s[0]));
            s.resize(size_t(size));
            return worded(Kind::string, s);
        }
        case ERL_BINARY_EXT: {
            std::string s(size_t(size), 0);
            long len;
            must(ei_decode_binary(buf, &at, &s[0], &len));
            return worded(Kind::binary, s);
        }
        case ERL_PID_EXT: { Term t = of(Kind::pid); t.pid = std::make_shared<erlang_pid>(); must(ei_decode_pid(buf, &at, t.pid.get())); return t; }
        case ERL_PORT_EXT: { Term t = of(Kind::port); t.port = std::make_shared<erlang_port>(); must(ei_decode_port(buf, &at, t.port.get())); return t; }
        case ERL_NEW_REFERENCE_EXT: { Term t = of(Kind::ref); t.ref = std::make_shared<erlang_ref>(); must(ei_decode_ref(buf, &at, t.ref.get())); return t; }
        case ERL_SMALL_TUPLE_EXT: case ERL_LARGE_TUPLE_EXT: must(ei_decode_tuple_header(buf, &at, &n)); return decode_items(Kind::tuple, n, buf, at);
        case ERL_NIL_EXT: case ERL_LIST_EXT: {
            must(ei_decode_list_header(buf, &at, &n));
            Term t = decode_items(Kind::list, n, buf, at);
            if (n > 0) must(ei_decode_list_header(buf, &at, &n));
            return t;
        }
        case ERL_MAP_EXT: must(ei_decode_map_header(buf, &at, &n)); return decode_items(Kind::map, 2 * n, buf, at);
        default: throw std::runtime_error("kind");
        }
    }

    static Term decode_items(Kind kind, int n, const char *buf, int &at) {
        Terms items;
        for (int i = 0; i < n; i++) items.push_back(decode(buf, at));
        return group(kind, std::move(items));
    }
};

uint64_t state = 88172645463325252ull;
uint64_t random64() { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return state; }

Term generate(int depth) {
    switch (random64() % (depth > 0 ? 11 : 8)) {
    case 0: return Term::integer(long(random64() >> (random64() % 64)));
    case 1: return Term::integer(-long(random64() >> (1 + random64() % 63)));
    case 2: return Term::floating(double(random64() % 100000) / 7);
    case 3: return Term::worded(Term::Kind::atom, std::string(1 + random64() % 20, char('a' + random64() % 26)));
    case 4: return Term::worded(Term::Kind::binary, std::string(random64() % 40, char(random64())));
    case 5: return Term::worded(Term::Kind::string, std::string(1 + random64() % 30, char(1 + random64() % 255)));
    case 6: {
        Term t = Term::of(Term::Kind::pid);
        t.pid = std::make_shared<erlang_pid>(erlang_pid{"node@host", unsigned(random64()), unsigned(random64()), 7});
        return t;
    }
    case 7: {
        Term t = Term::of(Term::Kind::ref);
        t.ref = std::make_shared<erlang_ref>(erlang_ref{"node@host", 3, {unsigned(random64()), 2, 3, 0, 0}, 7});
        return t;
    }
    default: {
        static const Term::Kind kinds[] = {Term::Kind::tuple, Term::Kind::list, Term::Kind::map};
        Term::Kind kind = kinds[random64() % 3];
        Terms items;
        for (auto n = random64() % 5; n > 0; n--) {
            items.push_back(generate(depth - 1));
            if (kind == Term::Kind::map) items.push_back(generate(depth - 1));
        }
        return Term::group(kind, std::move(items));
    }
    }
}

} // namespace

int main() {
    ei_init();
    for (int round = 0; round < 3000; round++) {
        Term term = generate(5);
        int size = 0, at = 0, back = 0, skipped = 0;
        term.encode(nullptr, size);
        std::vector<char> bytes(size_t(size) + 1), again(size_t(size) + 1);
        term.encode(bytes.data(), at);
        Term copy = Term::decode(bytes.data(), back);
        int end = 0;
        copy.encode(again.data(), end);
        ei_skip_term(bytes.data(), &skipped);
        char *text = nullptr;
        int printed_at = 0;
        int printed = ei_s_print_term(&text, bytes.data(), &printed_at);
        std::printf("round %d: size %d at %d back %d skipped %d same %d printed %d %d %s\n", round, size, at, back, skipped,
                    int(at == end && std::memcmp(bytes.data(), again.data(), size_t(at)) == 0), printed, printed_at, text);
        std::free(text);
    }
}
