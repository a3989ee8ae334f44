// Terms: errors, the values and places of templates, Writer and Reader.

#ifndef ERLNODE_TERM_HPP
#define ERLNODE_TERM_HPP

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "erlnode.h"

namespace erlnode {

// A call that failed.
class Error : public std::runtime_error {
public:
    Error(erln_status status, const std::string &text) : std::runtime_error(text), status_(status) {}
    erln_status status() const noexcept { return status_; }

private:
    erln_status status_;
};

// Throws unless a status is ERLN_OK.
inline void check(erln_status status) {
    if (status != ERLN_OK) throw Error(status, erln_last_error());
}

// Pids, references and ports are plain structs; these compare them.
inline bool same(const erln_pid &a, const erln_pid &b) { return std::memcmp(&a, &b, sizeof a) == 0; }
inline bool same(const erln_ref &a, const erln_ref &b) { return std::memcmp(&a, &b, sizeof a) == 0; }
inline bool same(const erln_port &a, const erln_port &b) { return std::memcmp(&a, &b, sizeof a) == 0; }

inline std::string_view view(erln_bytes bytes) {
    return {reinterpret_cast<const char *>(bytes.ptr), bytes.len};
}

// Bytes that are one encoded term, for ~t.
struct Encoded {
    std::string_view bytes;
};

namespace detail {

inline const std::uint8_t *octets(std::string_view bytes) {
    return reinterpret_cast<const std::uint8_t *>(bytes.data());
}

[[noreturn]] inline void unsuitable(char letter, const char *what) {
    throw Error(ERLN_ERR_ARGUMENT, std::string("~") + letter + " does not go with " + what);
}

// The letters of a template, checked against the number of values.
inline std::vector<char> letters(const char *format, std::size_t count) {
    std::vector<char> found(count);
    std::size_t wanted = erln_template_letters(format, found.data(), count);
    if (wanted == SIZE_MAX) throw Error(ERLN_ERR_ARGUMENT, erln_last_error());
    if (wanted != count) {
        throw Error(ERLN_ERR_ARGUMENT, "\"" + std::string(format) + "\" has " + std::to_string(wanted) +
                                           " directives, but " + std::to_string(count) + " values were given");
    }
    return found;
}

// Values. Each fills an argument for the directive that stands there.

inline void fill(erln_arg &arg, bool value) {
    if (arg.letter != 'w') unsuitable(arg.letter, "a bool");
    arg.value.i = value;
}

template <class T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, int> = 0>
void fill(erln_arg &arg, T value) {
    switch (arg.letter) {
    case 'i':
    case 'l':
    case 'c':
        if constexpr (std::is_unsigned_v<T>) {
            if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
                unsuitable(arg.letter, "a number this large: use ~u");
        }
        arg.value.i = static_cast<std::int64_t>(value);
        break;
    case 'u':
        if constexpr (std::is_signed_v<T>) {
            if (value < 0) unsuitable('u', "a negative number");
        }
        arg.value.u = static_cast<std::uint64_t>(value);
        break;
    case 'f':
    case 'd':
        arg.value.d = static_cast<double>(value);
        break;
    default:
        unsuitable(arg.letter, "an integer");
    }
}

inline void fill(erln_arg &arg, double value) {
    if (arg.letter != 'f' && arg.letter != 'd') unsuitable(arg.letter, "a double");
    arg.value.d = value;
}

inline void fill(erln_arg &arg, const char *text) {
    if (arg.letter == 'b') {
        arg.len = std::strlen(text);
    } else if (arg.letter != 'a' && arg.letter != 's' && arg.letter != 'S') {
        unsuitable(arg.letter, "text");
    }
    arg.value.ptr = text;
}

inline void fill(erln_arg &arg, const std::string &text) {
    fill(arg, text.c_str());
    // A binary may contain zeros.
    if (arg.letter == 'b') arg.len = text.size();
}

inline void fill(erln_arg &arg, std::string_view bytes) {
    if (arg.letter != 'b') unsuitable(arg.letter, "a string_view, which has no end mark: use ~b or a std::string");
    arg.value.ptr = bytes.data();
    arg.len = bytes.size();
}

inline void fill(erln_arg &arg, Encoded term) {
    if (arg.letter != 't') unsuitable(arg.letter, "an encoded term");
    arg.value.ptr = term.bytes.data();
    arg.len = term.bytes.size();
}

inline void fill(erln_arg &arg, const erln_pid &pid) {
    if (arg.letter != 'p') unsuitable(arg.letter, "a pid");
    arg.value.ptr = &pid;
}

inline void fill(erln_arg &arg, const erln_ref &ref) {
    if (arg.letter != 'r') unsuitable(arg.letter, "a reference");
    arg.value.ptr = &ref;
}

inline void fill(erln_arg &arg, const erln_port &port) {
    if (arg.letter != 'o') unsuitable(arg.letter, "a port");
    arg.value.ptr = &port;
}

// The arguments of a template.
template <class... Values>
std::vector<erln_arg> values(const char *format, const Values &...all) {
    std::vector<erln_arg> args(sizeof...(all));
    std::vector<char> found = letters(format, sizeof...(all));
    [[maybe_unused]] std::size_t n = 0;
    ((args[n].letter = found[n], args[n].len = 0, fill(args[n], all), n++), ...);
    return args;
}

// Places. Each points an argument at itself, and takes over what was captured.

template <class T>
struct Place {
    T &target;
    explicit Place(T &place) : target(place) {}
    void point(erln_arg &arg) { arg.value.out = &target; }
    void take() {}
};

template <class Text>
struct TextPlace {
    Text &target;
    erln_bytes bytes{};
    explicit TextPlace(Text &place) : target(place) {}
    void point(erln_arg &arg) { arg.value.out = &bytes; }
    void take() { target = Text(view(bytes)); }
};

template <>
struct Place<std::string> : TextPlace<std::string> {
    using TextPlace::TextPlace;
};
template <>
struct Place<std::string_view> : TextPlace<std::string_view> {
    using TextPlace::TextPlace;
};

// The letters that a type can be a place for.
template <class T>
constexpr const char *suitable() {
    if constexpr (std::is_same_v<T, int>) return "i";
    else if constexpr (std::is_same_v<T, bool>) return "w";
    else if constexpr (std::is_same_v<T, double>) return "fd";
    else if constexpr (std::is_same_v<T, std::uint8_t>) return "c";
    else if constexpr (std::is_integral_v<T> && sizeof(T) == 8) return std::is_signed_v<T> ? "l" : "u";
    else if constexpr (std::is_same_v<T, erln_pid>) return "p";
    else if constexpr (std::is_same_v<T, erln_ref>) return "r";
    else if constexpr (std::is_same_v<T, erln_port>) return "o";
    else {
        static_assert(std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>,
                      "a place is an int, std::int64_t, std::uint64_t, std::uint8_t, double, bool, erln_pid, erln_ref, "
                      "erln_port, std::string or std::string_view");
        return "asSbt";
    }
}

template <class T>
void point(erln_arg &arg, char letter, Place<T> &place) {
    if (std::strchr(suitable<T>(), letter) == nullptr) unsuitable(letter, "the type of its place");
    arg.letter = letter;
    arg.len = 0;
    place.point(arg);
}

// Calls `match` with an array of places, and takes over what was captured.
template <class Match, class... Places>
bool capture(const char *format, Match match, Places &...all) {
    std::vector<erln_arg> args(sizeof...(all));
    std::vector<char> found = letters(format, sizeof...(all));
    auto places = std::make_tuple(Place<Places>(all)...);
    return std::apply(
        [&](auto &...place) {
            [[maybe_unused]] std::size_t n = 0;
            ((point(args[n], found[n], place), n++), ...);
            if (!match(args.data(), args.size())) return false;
            (place.take(), ...);
            return true;
        },
        places);
}

template <class T, void (*free)(T *)>
struct Free {
    void operator()(T *object) const { free(object); }
};

template <class T, void (*free)(T *)>
using Owned = std::unique_ptr<T, Free<T, free>>;

}  // namespace detail

// Encodes terms.
class Writer {
public:
    Writer() : writer_(erln_writer_new()) {}

    // A term made from a template: writer.write("{ok, ~i}", 42).
    template <class... Values>
    Writer &write(const char *format, const Values &...all) {
        auto args = detail::values(format, all...);
        if (!erln_write_args(get(), format, args.data(), args.size())) throw Error(ERLN_ERR_ARGUMENT, erln_last_error());
        return *this;
    }
    Writer &tuple(std::size_t arity) { return done(erln_write_tuple(get(), arity)); }
    Writer &list(std::size_t count) { return done(erln_write_list(get(), count)); }
    Writer &nil() { return done(erln_write_nil(get())); }
    Writer &map(std::size_t pairs) { return done(erln_write_map(get(), pairs)); }
    Writer &integer(std::int64_t value) { return done(erln_write_int64(get(), value)); }
    Writer &real(double value) { return done(erln_write_double(get(), value)); }
    Writer &boolean(bool value) { return done(erln_write_bool(get(), value)); }
    Writer &atom(std::string_view name) { return done(erln_write_atom_len(get(), name.data(), name.size())); }
    Writer &binary(std::string_view bytes) {
        return done(erln_write_binary(get(), detail::octets(bytes), bytes.size()));
    }
    Writer &pid(const erln_pid &pid) { return done(erln_write_pid(get(), &pid)); }
    Writer &ref(const erln_ref &ref) { return done(erln_write_ref(get(), &ref)); }
    Writer &term(std::string_view encoded) {
        return done(erln_write_term(get(), detail::octets(encoded), encoded.size()));
    }

    // The whole term. Borrowed; lives until the next write or clear.
    std::string_view finish() {
        erln_bytes bytes;
        check(erln_writer_finish(get(), &bytes));
        return view(bytes);
    }
    void clear() { erln_writer_clear(get()); }
    erln_writer *get() const { return writer_.get(); }

private:
    Writer &done(bool fine) {
        if (!fine) throw Error(ERLN_ERR_ARGUMENT, erln_last_error());
        return *this;
    }
    detail::Owned<erln_writer, erln_writer_free> writer_;
};

// A cursor over an encoded term that it borrows. A copy is a second cursor.
class Reader {
public:
    explicit Reader(erln_reader reader) : reader_(reader) {}
    explicit Reader(std::string_view term) { check(erln_reader_init(&reader_, detail::octets(term), term.size())); }

    // Takes the next term if it has this shape: reader.match("{put, ~b, ~l}", key, value).
    template <class... Places>
    bool match(const char *format, Places &...all) {
        return detail::capture(
            format,
            [&](const erln_arg *args, std::size_t count) { return erln_read_match_args(get(), format, args, count); },
            all...);
    }
    erln_kind kind() const { return erln_reader_kind(&reader_); }
    std::optional<std::int64_t> integer() { return take<std::int64_t>(erln_read_int64); }
    std::optional<double> real() { return take<double>(erln_read_double); }
    std::optional<bool> boolean() { return take<bool>(erln_read_bool); }
    std::optional<std::size_t> tuple() { return take<std::size_t>(erln_read_tuple); }
    std::optional<std::size_t> list() { return take<std::size_t>(erln_read_list); }
    std::optional<std::size_t> map() { return take<std::size_t>(erln_read_map); }
    std::optional<erln_pid> pid() { return take<erln_pid>(erln_read_pid); }
    std::optional<erln_ref> ref() { return take<erln_ref>(erln_read_ref); }
    std::optional<std::string_view> atom() { return bytes(erln_read_atom); }
    std::optional<std::string_view> binary() { return bytes(erln_read_binary); }
    std::optional<std::string_view> string() { return bytes(erln_read_string); }
    std::optional<std::string_view> term() { return bytes(erln_read_term); }
    bool atom(const char *name) { return erln_read_atom_is(get(), name); }
    bool tuple(std::size_t arity) { return erln_read_tuple_of(get(), arity); }
    bool nil() { return erln_read_nil(get()); }
    bool skip() { return erln_read_skip(get()); }
    // Throws if broken bytes were met or not everything was read.
    void finish() { check(erln_reader_finish(get())); }
    erln_reader *get() { return &reader_; }

private:
    template <class T, class Read>
    std::optional<T> take(Read read) {
        T value;
        if (!read(get(), &value)) return std::nullopt;
        return value;
    }
    template <class Read>
    std::optional<std::string_view> bytes(Read read) {
        erln_bytes value;
        if (!read(get(), &value)) return std::nullopt;
        return view(value);
    }
    erln_reader reader_;
};

}  // namespace erlnode

#endif  // ERLNODE_TERM_HPP
