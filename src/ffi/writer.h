// The commonest terms are written here, without a call, while there is room; anything unusual, and every mistake, is left to the
// function of the same name. Define ERLN_NO_INLINE before including this header to call the functions always.
#ifndef ERLN_NO_INLINE

// Private: the head of a writer that expects an item and has room for `size` bytes; else NULL.
static inline erln_writer_head *erln_inline_room(erln_writer *writer, size_t size) {
    erln_writer_head *head = (erln_writer_head *)(void *)writer;
    if (head == NULL || head->owed == 0 || (size_t)(head->end - head->next) < size) return NULL;
    return head;
}

// Private: a tag and 4 bytes, the highest first.
static inline void erln_inline_put_word(uint8_t *at, uint8_t tag, uint32_t word) {
    at[0] = tag;
    at[1] = (uint8_t)(word >> 24);
    at[2] = (uint8_t)(word >> 16);
    at[3] = (uint8_t)(word >> 8);
    at[4] = (uint8_t)word;
}

static inline bool erln_inline_write_int64(erln_writer *writer, int64_t value) {
    erln_writer_head *head = erln_inline_room(writer, 5);
    if (head != NULL && value >= INT32_MIN && value <= INT32_MAX) {
        if (value >= 0 && value <= 255) {
            head->next[0] = 97;
            head->next[1] = (uint8_t)value;
            head->next += 2;
        } else {
            erln_inline_put_word(head->next, 98, (uint32_t)value);
            head->next += 5;
        }
        head->owed--;
        return true;
    }
    return erln_write_int64(writer, value);
}

static inline bool erln_inline_write_double(erln_writer *writer, double value) {
    erln_writer_head *head = erln_inline_room(writer, 9);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    // All bits of the exponent: infinity or no number, which is a mistake.
    if (head != NULL && (bits >> 52 & 0x7ff) != 0x7ff) {
        uint8_t tag_is_first[5];
        erln_inline_put_word(head->next, 70, (uint32_t)(bits >> 32));
        erln_inline_put_word(tag_is_first, 0, (uint32_t)bits);
        memcpy(head->next + 5, tag_is_first + 1, 4);
        head->next += 9;
        head->owed--;
        return true;
    }
    return erln_write_double(writer, value);
}

static inline bool erln_inline_write_atom(erln_writer *writer, const char *name) {
    if (name != NULL) {
        size_t len = strlen(name), n;
        erln_writer_head *head = erln_inline_room(writer, len + 2);
        unsigned char bits = 0;
        if (head != NULL && len <= 255) {
            for (n = 0; n < len; n++) bits |= (unsigned char)name[n];
            // More than ASCII has to be looked at more closely.
            if (bits < 128) {
                head->next[0] = 119;
                head->next[1] = (uint8_t)len;
                memcpy(head->next + 2, name, len);
                head->next += len + 2;
                head->owed--;
                return true;
            }
        }
    }
    return erln_write_atom(writer, name);
}

static inline bool erln_inline_write_binary(erln_writer *writer, const uint8_t *data, size_t len) {
    if (data != NULL && len <= 0xffffff) {
        erln_writer_head *head = erln_inline_room(writer, len + 5);
        if (head != NULL) {
            erln_inline_put_word(head->next, 109, (uint32_t)len);
            memcpy(head->next + 5, data, len);
            head->next += len + 5;
            head->owed--;
            return true;
        }
    }
    return erln_write_binary(writer, data, len);
}

static inline bool erln_inline_write_tuple(erln_writer *writer, size_t arity) {
    erln_writer_head *head = erln_inline_room(writer, 2);
    if (head != NULL && arity <= 255) {
        head->next[0] = 104;
        head->next[1] = (uint8_t)arity;
        head->next += 2;
        head->owed += arity;
        head->owed--;
        return true;
    }
    return erln_write_tuple(writer, arity);
}

static inline bool erln_inline_write_list(erln_writer *writer, size_t count) {
    erln_writer_head *head = erln_inline_room(writer, 5);
    if (head != NULL && count > 0 && count <= 0xffffffffu) {
        erln_inline_put_word(head->next, 108, (uint32_t)count);
        head->next += 5;
        // The elements and the tail, less the list itself.
        head->owed += count;
        return true;
    }
    return erln_write_list(writer, count);
}

static inline bool erln_inline_write_nil(erln_writer *writer) {
    erln_writer_head *head = erln_inline_room(writer, 1);
    if (head != NULL) {
        head->next[0] = 106;
        head->next += 1;
        head->owed--;
        return true;
    }
    return erln_write_nil(writer);
}

#define erln_write_int64(writer, value) erln_inline_write_int64(writer, value)
#define erln_write_double(writer, value) erln_inline_write_double(writer, value)
#define erln_write_atom(writer, name) erln_inline_write_atom(writer, name)
#define erln_write_binary(writer, data, len) erln_inline_write_binary(writer, data, len)
#define erln_write_tuple(writer, arity) erln_inline_write_tuple(writer, arity)
#define erln_write_list(writer, count) erln_inline_write_list(writer, count)
#define erln_write_nil(writer) erln_inline_write_nil(writer)

#endif
