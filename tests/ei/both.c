/* libei and liberlnode in one program: a term written by one is read by the other. */
#include <ei.h>
#include <erlnode.h>
#include <string.h>

int main(void)
{
    ei_x_buff x;
    char atom[MAXATOMLEN];
    int index = 0, version, arity;
    erln_reader reader;
    int64_t number = 0;

    ei_x_new(&x);
    if (ei_x_format(&x, "{hello, ~i}", 42) < 0 || ei_decode_version(x.buff, &index, &version) < 0
        || ei_decode_tuple_header(x.buff, &index, &arity) < 0 || ei_decode_atom(x.buff, &index, atom) < 0)
        return 1;
    /* Behind the version byte, which erlnode's readers do not want. */
    if (erln_reader_init(&reader, (const uint8_t *)x.buff + 1, (size_t)x.index - 1) != 0 || !erln_read_tuple_of(&reader, 2)
        || !erln_read_atom_is(&reader, "hello") || !erln_read_int64(&reader, &number))
        return 2;
    ei_x_free(&x);
    return erln_abi() == ERLN_ABI && strcmp(atom, "hello") == 0 && number == 42 ? 0 : 3;
}
