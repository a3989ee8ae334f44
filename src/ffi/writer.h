// The commonest terms are written here, without a call, while there is room; anything unusual, and every mistake, is left to the
// function of the same name. Define ERLN_NO_INLINE before including this header to call the functions always.
#ifndef ERLN_NO_INLINE

// Private: where to write `size` bytes of the next item; NULL without room, or if no item is expected.
static inline uint8_t *erln_inline_room(const erln_writer_head *head, size_t size) {
    if (head == NULL || head->owed == 0 || (size_t)(head->end - head->next) < size) return NULL;
    return head->next;
}

// Private: `next` is behind an item that promises `elements` more.
static inline bool erln_inline_wrote(erln_writer_head *head, uint8_t *next, uint64_t elements) {
    head->next = next;
    head->owed += elements - 1;
    return true;
}

// Private: the head of a writer.
static inline erln_writer_head *erln_inline_head(erln_writer *writer) {
    return (erln_writer_head *)(void *)writer;
}

// Private: 4 bytes, the highest first; gives the place behind them.
static inline uint8_t *erln_inline_put_word(uint8_t *at, uint32_t word) {
    at[0] = (uint8_t)(word >> 24);
    at[1] = (uint8_t)(word >> 16);
    at[2] = (uint8_t)(word >> 8);
    at[3] = (uint8_t)word;
    return at + 4;
}

// Private: 8 bytes, the highest first; gives the place behind them.
static inline uint8_t *erln_inline_put_long_word(uint8_t *at, uint64_t word) {
    at[0] = (uint8_t)(word >> 56);
    at[1] = (uint8_t)(word >> 48);
    at[2] = (uint8_t)(word >> 40);
    at[3] = (uint8_t)(word >> 32);
    at[4] = (uint8_t)(word >> 24);
    at[5] = (uint8_t)(word >> 16);
    at[6] = (uint8_t)(word >> 8);
    at[7] = (uint8_t)word;
    return at + 8;
}

static inline bool erln_inline_write_int64(erln_writer *writer, int64_t value) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 5);
    if (at != NULL && value >= 0 && value <= 255) {
        at[0] = 97;
        at[1] = (uint8_t)value;
        return erln_inline_wrote(head, at + 2, 0);
    }
    if (at != NULL && value >= INT32_MIN && value <= INT32_MAX) {
        at[0] = 98;
        return erln_inline_wrote(head, erln_inline_put_word(at + 1, (uint32_t)value), 0);
    }
    return erln_write_int64(writer, value);
}

static inline bool erln_inline_write_double(erln_writer *writer, double value) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 9);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    // All bits of the exponent: infinity or no number, which is a mistake.
    if (at != NULL && (bits >> 52 & 0x7ff) != 0x7ff) {
        at[0] = 70;
        return erln_inline_wrote(head, erln_inline_put_long_word(at + 1, bits), 0);
    }
    return erln_write_double(writer, value);
}

static inline bool erln_inline_write_atom(erln_writer *writer, const char *name) {
    if (name != NULL) {
        erln_writer_head *head = erln_inline_head(writer);
        size_t len = strlen(name), n;
        uint8_t *at = erln_inline_room(head, len + 2);
        unsigned char bits = 0;
        if (at != NULL && len <= 255) {
            for (n = 0; n < len; n++) bits |= (unsigned char)name[n];
            // More than ASCII has to be looked at more closely.
            if (bits < 128) {
                at[0] = 119;
                at[1] = (uint8_t)len;
                memcpy(at + 2, name, len);
                return erln_inline_wrote(head, at + 2 + len, 0);
            }
        }
    }
    return erln_write_atom(writer, name);
}

static inline bool erln_inline_write_binary(erln_writer *writer, const uint8_t *data, size_t len) {
    if (data != NULL && len <= 0xffffff) {
        erln_writer_head *head = erln_inline_head(writer);
        uint8_t *at = erln_inline_room(head, len + 5);
        if (at != NULL) {
            at[0] = 109;
            at = erln_inline_put_word(at + 1, (uint32_t)len);
            memcpy(at, data, len);
            return erln_inline_wrote(head, at + len, 0);
        }
    }
    return erln_write_binary(writer, data, len);
}

static inline bool erln_inline_write_tuple(erln_writer *writer, size_t arity) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 2);
    if (at != NULL && arity <= 255) {
        at[0] = 104;
        at[1] = (uint8_t)arity;
        return erln_inline_wrote(head, at + 2, arity);
    }
    return erln_write_tuple(writer, arity);
}

static inline bool erln_inline_write_list(erln_writer *writer, size_t count) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 5);
    if (at != NULL && count > 0 && count <= 0xffffffffu) {
        at[0] = 108;
        // The elements and the tail.
        return erln_inline_wrote(head, erln_inline_put_word(at + 1, (uint32_t)count), (uint64_t)count + 1);
    }
    return erln_write_list(writer, count);
}

static inline bool erln_inline_write_map(erln_writer *writer, size_t pairs) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 5);
    if (at != NULL && pairs <= 0x7fffffffu) {
        at[0] = 116;
        return erln_inline_wrote(head, erln_inline_put_word(at + 1, (uint32_t)pairs), 2 * (uint64_t)pairs);
    }
    return erln_write_map(writer, pairs);
}

static inline bool erln_inline_write_nil(erln_writer *writer) {
    erln_writer_head *head = erln_inline_head(writer);
    uint8_t *at = erln_inline_room(head, 1);
    if (at != NULL) {
        at[0] = 106;
        return erln_inline_wrote(head, at + 1, 0);
    }
    return erln_write_nil(writer);
}

#define erln_write_int64(writer, value) erln_inline_write_int64(writer, value)
#define erln_write_double(writer, value) erln_inline_write_double(writer, value)
#define erln_write_atom(writer, name) erln_inline_write_atom(writer, name)
#define erln_write_binary(writer, data, len) erln_inline_write_binary(writer, data, len)
#define erln_write_tuple(writer, arity) erln_inline_write_tuple(writer, arity)
#define erln_write_list(writer, count) erln_inline_write_list(writer, count)
#define erln_write_map(writer, pairs) erln_inline_write_map(writer, pairs)
#define erln_write_nil(writer) erln_inline_write_nil(writer)

#endif
