/* ei_x_format and ei_x_format_wo_ver: patterns of every kind, sensible and not, and random ones. */
#include "common.h"

static void show(const char *name, int r, const ei_x_buff *x)
{
    printf("%s: %d %d ", name, r, x->index);
    hex(x->buff, x->index);
    printf("\n");
}

/* All with up to four ints; more arguments than directives do no harm. */
static const char *patterns[] = {
    "a", "abc_D@9", "A", "_", "", " ", "  x", "x y", "1", "-1", "+1", "-", "+", "0", "00012", "123456789012", "99999999999999999999",
    "-99999999999999999999", "1.5", "-1.5", "+2.", "1.", ".5", "1.5.5", "1.5e3", "1e3", "'a b'", "''", "'it\\'s'", "'open", "\"str\"",
    "\"\"", "\"a\\\"b\"", "\"open", "~", "~i", "~x", "~i ~i", "a~i", "~~", "a~", "[]", "[ ]", "[a]", "[a,b]", "[a, b]", "[ a , b ]",
    "[a ,b]", "[a b]", "[a,]", "[,a]", "[,]", "[a|b]", "[a|b]x", "[a | b]", "[a |b]", "[a| b ]", "[a,b|c]", "[a|]", "[|a]", "[a||b]",
    "[a|[]]", "[a|[b]]", "[a|b,c]", "[a|b|c]", "[[]]", "[[],[]]", "[[a],[b]]", "[[a|b],c]", "{[a|b],c}", "[{a},{b}]", "[", "[a", "[a,",
    "[a|", "[a|b", "{}", "{ }", "{a}", "{a,b}", "{a, b}", "{ a , b }", "{a ,b}", "{a b}", "{a,}", "{,a}", "{,}", "{{}}", "{{},{}}",
    "{{a},[b]}", "{", "{a", "{a,", "}", "]", "[}", "{]", "[~i,~i]", "[~i~i]", "{~i,~i,~i}", "{~i,[~i|~i]}", "[1,2.5,\"x\",'y',z,~i]",
    "{call, {~i, [~i]}, \"s\"}", "  {  ok  ,  ~i  }  ", "\t{ok,\n~i}", "{\"~i\", ~i}", "'~i'", "[\"\"]", "[\"\",a]", "%", "/", "(a)",
    "[a,[b,[c,[d,[e,[f]]]]]]", "{a,{b,{c,{d,{e,{f}}}}}}", "[[[[[[[]]]]]]]", "#{}", "#{a=>b}", "#{a => b}", "# {}", "#", "#a",
    "#{a=>b,c=>d}", "#{a=>1, b=>[#{}], c=>{x}}", "#{a}", "#{a=>}", "#{=>a}", "#{a=>b,}", "#{,}", "#{a=>b c=>d}", "#{ }", "#{a =>b}",
    "#{a= >b}", "#{a>b}", "#{a=>b", "#{a=>", "#{a", "#{", "[#{a=>b}]", "{#{a=>b},c}", "#{#{}=>#{}}", "#{~i=>~i}", "#{a:=b}", "#{a=>b}c",
    "#{'k'=>\"v\"}", "#{1=>2.5}", "#{a=>b , c=>d}", "#{a=>b ,c=>d}", "#{ a => b }", "#{a=>b=>c}", "#{[a]=>{b}}", "#{a=>[b|c]}",
};

static void one(void *p)
{
    const char *fmt = p;
    ei_x_buff x;
    int r;

    ei_x_new(&x);
    r = ei_x_format(&x, fmt, 1, 2, 3, 4);
    show("version", r, &x);
    r = ei_x_format_wo_ver(&x, fmt, -5, 70000, 3, 4);
    show("plain", r, &x);
    ei_x_free(&x);
}

static void long_ones(void *unused)
{
    static char fmt[40000];
    ei_x_buff x;
    int i, r, n;

    (void)unused;
    for (n = 250; n <= 260; n += 5) {
        char *p = fmt;

        p += sprintf(p, "{");
        for (i = 0; i < n; i++)
            p += sprintf(p, "%s%d", i ? "," : "", i);
        sprintf(p, "}");
        ei_x_new(&x);
        r = ei_x_format(&x, fmt);
        show("tuple", r, &x);
        fmt[0] = '[';
        p[0] = ']';
        r = ei_x_format_wo_ver(&x, fmt);
        show("list", r, &x);
        memset(fmt, 'a', n);
        fmt[n] = 0;
        r = ei_x_format_wo_ver(&x, fmt);
        show("atom", r, &x);
        fmt[0] = fmt[n - 1] = '\'';
        r = ei_x_format_wo_ver(&x, fmt);
        show("quoted", r, &x);
        ei_x_free(&x);
    }
}

int main(void)
{
    static const char alphabet[] = "[[[{{{}}}]]],,,||ab1  ~i\"x\"'y'..-";
    erlang_pid pid = {"node@host", 1, 2, 3};
    ei_x_buff x;
    unsigned i;
    int r;

    for (i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        printf("pattern %s\n", patterns[i]);
        guarded(one, (void *)patterns[i]);
    }
    guarded(long_ones, NULL);

    ei_x_new(&x);
    r = ei_x_format(&x, "[~a,~s,~i,~l,~u,~f,~d,~p,~c]", "atom", "string", -7, 123456789012L, 18446744073709551615UL, 1.5f, -2.5,
                    &pid, 'x');
    show("all", r, &x);
    r = ei_x_format_wo_ver(&x, "{~a,~s,~a}", "", "", "\xe5");
    show("empty", r, &x);
    r = ei_x_format_wo_ver(&x, "[~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i,~i]", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
                           12, 13, 14, 15, 16, 17, 18, 19, 20);
    show("twenty", r, &x);
    ei_x_free(&x);

    for (i = 0; i < 3000; i++) {
        char fmt[32];
        int n = 1 + (int)(random64() % 14), k;
        const char *p;

        for (k = 0; k < n; k++)
            fmt[k] = alphabet[random64() % (sizeof alphabet - 1)];
        fmt[n] = 0;
        for (k = 0, p = fmt; *p; p++)
            k += *p != '~' ? 0 : p[1] == 'i' || strchr("acsludfp", p[1] ? p[1] : ' ') == NULL ? 1 : 9;
        if (k > 4)
            continue;
        printf("random %s\n", fmt);
        if (i % 8)
            one(fmt);
        else
            guarded(one, fmt);
    }
    return 0;
}
