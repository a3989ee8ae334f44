/* A million levels of tuples, lists, maps and iodata through everything that walks over terms. Ours only: the reference recurses. */
#include <ei.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 1000000

static int walk(const char *name, const char *open, int open_len, const char *leaf, int leaf_len, const char *close, int close_len)
{
    size_t size = (size_t)DEPTH * (open_len + close_len) + leaf_len;
    char *buf = malloc(size + 64), *p = buf, *text = NULL;
    int i, index = 0, skipped, printed, iodata, bytes;

    for (i = 0; i < DEPTH; i++, p += open_len)
        memcpy(p, open, open_len);
    memcpy(p, leaf, leaf_len);
    p += leaf_len;
    for (i = 0; i < DEPTH; i++, p += close_len)
        memcpy(p, close, close_len);
    memset(p, 0, 64);
    skipped = ei_skip_term(buf, &index);
    printf("%s: skip %d %d", name, skipped, index == (int)size);
    index = 0;
    printed = ei_s_print_term(&text, buf, &index);
    printf(" print %d %d", printed == (int)strlen(text), index == (int)size);
    index = 0;
    iodata = ei_decode_iodata(buf, &index, &bytes, NULL);
    printf(" iodata %d\n", iodata);
    free(text);
    free(buf);
    return skipped == 0 && printed > 0;
}

int main(void)
{
    ei_x_buff x;
    char *fmt = malloc(2 * DEPTH + 2);
    int ok, r;

    ok = walk("tuple", "h\1", 2, "a\1", 2, "", 0);
    ok &= walk("large_tuple", "i\0\0\0\1", 5, "j", 1, "", 0);
    ok &= walk("list", "l\0\0\0\1", 5, "a\1", 2, "j", 1);
    ok &= walk("tail", "l\0\0\0\1a\1", 7, "j", 1, "", 0);
    ok &= walk("map", "t\0\0\0\1a\1", 7, "j", 1, "", 0);
    memset(fmt, '{', DEPTH);
    memset(fmt + DEPTH, '}', DEPTH);
    fmt[2 * DEPTH] = 0;
    ei_x_new(&x);
    r = ei_x_format(&x, fmt);
    printf("format: %d %d\n", r, x.index);
    ok &= r == 0 && x.index == 2 * DEPTH + 1;
    ei_x_free(&x);
    free(fmt);
    return !ok;
}
