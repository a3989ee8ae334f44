/* A port program that has functions of its own by names which the library also exports, as erlexec's ei++ has. */
#include <ei.h>
#include <stdio.h>

static int mine;

int x_fix_buff(ei_x_buff *x, int needed) { mine++; return x->buff != NULL && needed >= 0; }
void ei_trace_printf(const char *name, int level, const char *format, ...) { mine++; }
void ei_MD5Init(void *context) { mine++; }
int ei_tracelevel = 42;

int main(void)
{
    char buffer[64];
    int index = 0, arity = 0, version = 0;
    long value = 0;

    ei_encode_version(buffer, &index);
    ei_encode_tuple_header(buffer, &index, 2);
    ei_encode_long(buffer, &index, 7);
    ei_encode_double(buffer, &index, 0.5);
    printf("encoded: %d\n", index);
    index = 0;
    ei_decode_version(buffer, &index, &version);
    ei_decode_tuple_header(buffer, &index, &arity);
    ei_decode_long(buffer, &index, &value);
    printf("decoded: %d %d %ld %d\n", version, arity, value, ei_skip_term(buffer, &index));
    ei_MD5Init(buffer);
    printf("mine: %d %d\n", mine, ei_tracelevel);
    return 0;
}
