// The commonest terms are read here, without a call; anything unusual, and every mistake, is left to the function of the same
// name. Define ERLN_NO_INLINE before including this header to call the functions always.
#ifndef ERLN_NO_INLINE

// Private: the 4 bytes at `at`, the highest first.
static inline uint32_t erln_inline_word(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// Private: how many bytes can be read here.
static inline size_t erln_inline_left(const erln_reader *reader) { return (size_t)(reader->end - reader->next); }

// Private: steps over `count` bytes.
static inline bool erln_inline_step(erln_reader *reader, size_t count) {
    reader->next += count;
    return true;
}

// Private: whether an atom in its usual form stands here.
static inline bool erln_inline_is_atom(const erln_reader *reader) {
    return erln_inline_left(reader) >= 2 && reader->next[0] == 119 && reader->next[1] <= erln_inline_left(reader) - 2;
}

// Private: whether `len` bytes are plain ASCII, so that their encoding needs no closer look.
static inline bool erln_inline_is_ascii(const uint8_t *at, size_t len) {
    uint64_t bits = 0, word;
    for (; len >= 8; at += 8, len -= 8) {
        memcpy(&word, at, sizeof word);
        bits |= word;
    }
    for (; len > 0; at++, len--) bits |= *at;
    return (bits & UINT64_C(0x8080808080808080)) == 0;
}

static inline erln_status erln_inline_reader_init(erln_reader *reader, const uint8_t *data, size_t len) {
    if (reader == NULL || data == NULL || len == 0 || len > SIZE_MAX / 2) return erln_reader_init(reader, data, len);
    if (data[0] == 131) {
        data++;
        len--;
    }
    reader->next = data;
    reader->end = data + len;
    reader->start = data;
    reader->len = len;
    reader->magic = ERLN_READER_MAGIC;
    reader->inside = 0;
    return ERLN_OK;
}

static inline erln_status erln_inline_reader_finish(const erln_reader *reader) {
    if (reader != NULL && reader->magic == ERLN_READER_MAGIC && reader->inside == 0 && reader->next == reader->end) {
        return ERLN_OK;
    }
    return erln_reader_finish(reader);
}

static inline bool erln_inline_read_int64(erln_reader *reader, int64_t *out) {
    if (reader != NULL && out != NULL) {
        if (erln_inline_left(reader) >= 2 && reader->next[0] == 97) {
            *out = reader->next[1];
            return erln_inline_step(reader, 2);
        }
        if (erln_inline_left(reader) >= 5 && reader->next[0] == 98) {
            uint32_t word = erln_inline_word(reader->next + 1);
            *out = (int64_t)word - (int64_t)(word >> 31) * INT64_C(0x100000000);
            return erln_inline_step(reader, 5);
        }
    }
    return erln_read_int64(reader, out);
}

static inline bool erln_inline_read_int32(erln_reader *reader, int32_t *out) {
    if (reader != NULL && out != NULL) {
        if (erln_inline_left(reader) >= 2 && reader->next[0] == 97) {
            *out = reader->next[1];
            return erln_inline_step(reader, 2);
        }
        if (erln_inline_left(reader) >= 5 && reader->next[0] == 98) {
            uint32_t word = erln_inline_word(reader->next + 1);
            memcpy(out, &word, sizeof word);
            return erln_inline_step(reader, 5);
        }
    }
    return erln_read_int32(reader, out);
}

static inline bool erln_inline_read_atom(erln_reader *reader, erln_bytes *out) {
    if (reader != NULL && out != NULL && erln_inline_is_atom(reader)) {
        const uint8_t *name = reader->next + 2;
        size_t len = reader->next[1];
        if (erln_inline_is_ascii(name, len)) {
            out->ptr = name;
            out->len = len;
            return erln_inline_step(reader, len + 2);
        }
    }
    return erln_read_atom(reader, out);
}

static inline bool erln_inline_read_double(erln_reader *reader, double *out) {
    if (reader != NULL && out != NULL && erln_inline_left(reader) >= 9 && reader->next[0] == 70) {
        const uint8_t *at = reader->next + 1;
        uint64_t bits = (uint64_t)at[0] << 56 | (uint64_t)at[1] << 48 | (uint64_t)at[2] << 40 | (uint64_t)at[3] << 32 |
                        (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 | (uint64_t)at[6] << 8 | at[7];
        // All bits of the exponent: infinity or no number.
        if ((bits >> 52 & 0x7ff) != 0x7ff) {
            memcpy(out, &bits, sizeof bits);
            return erln_inline_step(reader, 9);
        }
    }
    return erln_read_double(reader, out);
}

static inline bool erln_inline_read_atom_is(erln_reader *reader, const char *name) {
    if (reader != NULL && name != NULL && erln_inline_is_atom(reader)) {
        size_t len = strlen(name);
        if (len != reader->next[1] || memcmp(reader->next + 2, name, len) != 0) return false;
        return erln_inline_step(reader, len + 2);
    }
    return erln_read_atom_is(reader, name);
}

static inline bool erln_inline_read_tuple(erln_reader *reader, size_t *out_arity) {
    if (reader != NULL && out_arity != NULL && erln_inline_left(reader) >= 2 && reader->next[0] == 104 &&
        reader->next[1] <= erln_inline_left(reader) - 2) {
        *out_arity = reader->next[1];
        return erln_inline_step(reader, 2);
    }
    return erln_read_tuple(reader, out_arity);
}

static inline bool erln_inline_read_tuple_of(erln_reader *reader, size_t arity) {
    if (reader != NULL && erln_inline_left(reader) >= 2 && reader->next[0] == 104) {
        if (reader->next[1] != arity) return false;
        if (arity <= erln_inline_left(reader) - 2) return erln_inline_step(reader, 2);
    }
    return erln_read_tuple_of(reader, arity);
}

static inline bool erln_inline_read_list(erln_reader *reader, size_t *out_count) {
    if (reader != NULL && out_count != NULL && erln_inline_left(reader) >= 5 && reader->next[0] == 108) {
        size_t count = erln_inline_word(reader->next + 1);
        if (count > 0 && count < erln_inline_left(reader) - 5) {
            *out_count = count;
            return erln_inline_step(reader, 5);
        }
    }
    return erln_read_list(reader, out_count);
}

static inline bool erln_inline_read_nil(erln_reader *reader) {
    if (reader != NULL && erln_inline_left(reader) >= 1 && reader->next[0] == 106) return erln_inline_step(reader, 1);
    return erln_read_nil(reader);
}

static inline bool erln_inline_read_map(erln_reader *reader, size_t *out_pairs) {
    if (reader != NULL && out_pairs != NULL && erln_inline_left(reader) >= 5 && reader->next[0] == 116) {
        size_t pairs = erln_inline_word(reader->next + 1);
        if (pairs <= (erln_inline_left(reader) - 5) / 2) {
            *out_pairs = pairs;
            return erln_inline_step(reader, 5);
        }
    }
    return erln_read_map(reader, out_pairs);
}

static inline bool erln_inline_read_binary(erln_reader *reader, erln_bytes *out) {
    if (reader != NULL && out != NULL && erln_inline_left(reader) >= 5 && reader->next[0] == 109) {
        size_t len = erln_inline_word(reader->next + 1);
        if (len <= erln_inline_left(reader) - 5) {
            out->ptr = reader->next + 5;
            out->len = len;
            return erln_inline_step(reader, len + 5);
        }
    }
    return erln_read_binary(reader, out);
}

#define erln_reader_init(reader, data, len) erln_inline_reader_init(reader, data, len)
#define erln_reader_finish(reader) erln_inline_reader_finish(reader)
#define erln_read_int64(reader, out) erln_inline_read_int64(reader, out)
#define erln_read_int32(reader, out) erln_inline_read_int32(reader, out)
#define erln_read_atom(reader, out) erln_inline_read_atom(reader, out)
#define erln_read_double(reader, out) erln_inline_read_double(reader, out)
#define erln_read_atom_is(reader, name) erln_inline_read_atom_is(reader, name)
#define erln_read_tuple(reader, out_arity) erln_inline_read_tuple(reader, out_arity)
#define erln_read_tuple_of(reader, arity) erln_inline_read_tuple_of(reader, arity)
#define erln_read_list(reader, out_count) erln_inline_read_list(reader, out_count)
#define erln_read_nil(reader) erln_inline_read_nil(reader)
#define erln_read_map(reader, out_pairs) erln_inline_read_map(reader, out_pairs)
#define erln_read_binary(reader, out) erln_inline_read_binary(reader, out)

#endif
