/* Integers of GMP go round, in the forms a BEAM writes, and the other functions understand them. */
#include <gmp.h>
#include <ei.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(ok) ((ok) ? (void)0 : (printf("line %d failed\n", __LINE__), exit(1)))

static void goes_round(mpz_t value)
{
    char flat[4096];
    int index = 0, size = 0, back = 0, skipped = 0;
    ei_x_buff x;
    mpz_t again;

    CHECK(ei_encode_bignum(NULL, &size, value) == 0 && ei_encode_bignum(flat, &index, value) == 0 && index == size);
    CHECK(ei_x_new_with_version(&x) == 0 && ei_x_encode_bignum(&x, value) == 0);
    CHECK(x.index == 1 + size && memcmp(x.buff + 1, flat, size) == 0);
    mpz_init(again);
    CHECK(ei_decode_bignum(flat, &back, again) == 0 && back == size && mpz_cmp(again, value) == 0);
    CHECK(ei_skip_term(flat, &skipped) == 0 && skipped == size);
    if (mpz_fits_slong_p(value)) {
        char same[64];
        int end = 0;

        CHECK(ei_encode_long(same, &end, mpz_get_si(value)) == 0 && end == size && memcmp(same, flat, end) == 0);
    }
    mpz_clear(again);
    ei_x_free(&x);
}

int main(void)
{
    static const unsigned bits[] = {0, 1, 7, 8, 27, 31, 32, 62, 63, 64, 65, 128, 2039, 2040, 2041, 20000};
    char flat[64];
    int index = 0;
    unsigned i;
    mpz_t n;

    mpz_init(n);
    goes_round(n);
    for (i = 0; i < sizeof bits / sizeof *bits; i++) {
        mpz_set_ui(n, 1);
        mpz_mul_2exp(n, n, bits[i]);
        goes_round(n);
        mpz_neg(n, n);
        goes_round(n);
        mpz_add_ui(n, n, 1);
        goes_round(n);
        mpz_neg(n, n);
        goes_round(n);
    }
    /* What another function wrote; and what is no integer leaves the index alone. */
    CHECK(ei_encode_ulonglong(flat, &index, 18446744073709551615ULL) == 0 && ei_encode_atom(flat, &index, "none") == 0);
    index = 0;
    CHECK(ei_decode_bignum(flat, &index, n) == 0 && mpz_cmp_ui(n, 18446744073709551615UL) == 0 && index == 11);
    CHECK(ei_decode_bignum(flat, &index, n) < 0 && index == 11);
    mpz_clear(n);
    puts("ok");
    return 0;
}
