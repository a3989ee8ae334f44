/*
 * ei.h: C nodes for Erlang. The names, layouts and numbers of OTP's header of the same name, so that programs written
 * for that library compile unchanged and link with this one (-lei).
 *
 * Objects     ei_cnode is a node of this program; copy it, edit it, free it as you like. ei_x_buff is a buffer that
 *             grows. The erlang_* structs are plain values. A connection is a file descriptor: poll it, close it.
 * Encoding    ei_encode_* write at buf + *index and move *index; a null buf only moves it, which tells the size.
 *             ei_x_encode_* append to a growing buffer.
 * Decoding    ei_decode_* read at buf + *index and move *index on success only; a null destination skips.
 * Memory      what the library allocates comes from malloc and is released with free.
 * Errors      0 or more is success, -1 (or another negative number where said) failure, and erl_errno has the reason.
 * Threads     erl_errno belongs to the thread. Several threads may send on one descriptor; one may receive on it.
 * Time        a function that ends in _tmo takes milliseconds; 0 means to wait for ever.
 */
#ifndef EI_H
#define EI_H

/* Functions with timeouts exist. */
#define EI_HAVE_TIMEOUT 1
/* The big integers and the older spellings at the end are wanted. */
#define USE_EI_UNDOCUMENTED

#if defined(__WIN32__)
# include <winsock2.h>
# include <windows.h>
# include <winbase.h>
typedef LONG_PTR ssize_t;
#else
# include <sys/types.h>
#endif

#include <stdio.h>
#include <errno.h>

#if !defined(__WIN32__) && !defined(_WIN32)
# include <netdb.h>
#endif

#ifdef __has_attribute
# if __has_attribute(deprecated)
#  define EI_HAVE_DEPRECATED_ATTR__ 1
# else
#  undef EI_HAVE_DEPRECATED_ATTR__
# endif
#endif
#ifdef EI_NO_DEPR_WARN
# undef EI_HAVE_DEPRECATED_ATTR__
#endif
#ifdef EI_HAVE_DEPRECATED_ATTR__
# define EI_DEPRECATED_ATTR_NAME deprecated
# define EI_DEPRECATED_ATTR __attribute__((EI_DEPRECATED_ATTR_NAME))
#else
# define EI_DEPRECATED_ATTR_NAME
# define EI_DEPRECATED_ATTR
#endif

/* Error numbers that a platform may lack. */
#ifndef EMSGSIZE
# define EMSGSIZE EIO
#endif
#ifndef ETIMEDOUT
# define ETIMEDOUT EIO
#endif
#ifndef EHOSTUNREACH
# define EHOSTUNREACH EIO
#endif

/* ---- Results ---- */

#define ERL_ERROR        -1 /* erl_errno has the reason */
#define ERL_NO_DAEMON    -2 /* no epmd */
#define ERL_NO_PORT      -3 /* epmd does not know the node */
#define ERL_CONNECT_FAIL -4 /* the node cannot be reached */
#define ERL_TIMEOUT      -5
#define ERL_NO_REMOTE    -6

/* What a receive call found. */
#define ERL_TICK 0 /* a sign of life, already answered */
#define ERL_MSG  1

#define ERL_NO_TIMEOUT -1

/* ---- Kinds of messages, as in erlang_msg.msgtype ---- */

#define ERL_LINK           1
#define ERL_SEND           2
#define ERL_EXIT           3
#define ERL_UNLINK         4
#define ERL_NODE_LINK      5
#define ERL_REG_SEND       6
#define ERL_GROUP_LEADER   7
#define ERL_EXIT2          8
#define ERL_PASS_THROUGH   'p'

/* The same with a trace token; a receive call shows them as the plain kinds. */
#define ERL_SEND_TT        12
#define ERL_EXIT_TT        13
#define ERL_REG_SEND_TT    16
#define ERL_EXIT2_TT       18
#define ERL_MONITOR_P      19
#define ERL_DEMONITOR_P    20
#define ERL_MONITOR_P_EXIT 21

/* For ei_xrpc_to: send what the called function prints back to us. */
#define EI_RPC_FETCH_STDOUT 1

/* ---- First byte of an encoded term ---- */

#define ERL_SMALL_INTEGER_EXT   'a'
#define ERL_INTEGER_EXT         'b'
#define ERL_FLOAT_EXT           'c'
#define NEW_FLOAT_EXT           'F'
#define ERL_ATOM_EXT            'd'
#define ERL_SMALL_ATOM_EXT      's'
#define ERL_ATOM_UTF8_EXT       'v'
#define ERL_SMALL_ATOM_UTF8_EXT 'w'
#define ERL_REFERENCE_EXT       'e'
#define ERL_NEW_REFERENCE_EXT   'r'
#define ERL_NEWER_REFERENCE_EXT 'Z'
#define ERL_PORT_EXT            'f'
#define ERL_NEW_PORT_EXT        'Y'
#define ERL_V4_PORT_EXT         'x'
#define ERL_PID_EXT             'g'
#define ERL_NEW_PID_EXT         'X'
#define ERL_SMALL_TUPLE_EXT     'h'
#define ERL_LARGE_TUPLE_EXT     'i'
#define ERL_NIL_EXT             'j'
#define ERL_STRING_EXT          'k'
#define ERL_LIST_EXT            'l'
#define ERL_BINARY_EXT          'm'
#define ERL_BIT_BINARY_EXT      'M'
#define ERL_SMALL_BIG_EXT       'n'
#define ERL_LARGE_BIG_EXT       'o'
#define ERL_NEW_FUN_EXT         'p'
#define ERL_FUN_EXT             'u'
#define ERL_EXPORT_EXT          'q'
#define ERL_MAP_EXT             't'
/* Never sent to a C node. */
#define ERL_NEW_CACHE           'N'
#define ERL_CACHED_ATOM         'C'

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(__GNUC__) || __GNUC__ < 2
# define __attribute__(foo)
#endif

/* ---- The error number of the calling thread ---- */

#if defined(_REENTRANT) || defined(__WIN32__)
volatile int *__erl_errno_place(void) __attribute__((__const__));
# define erl_errno (*__erl_errno_place ())
#else
extern volatile int __erl_errno;
# define erl_errno __erl_errno
#endif

/* ---- Values ---- */

#ifdef __WIN32__
# define EI_LONGLONG __int64
# define EI_ULONGLONG unsigned __int64
#else
# define EI_LONGLONG long long
# define EI_ULONGLONG unsigned long long
#endif

#define EI_MAX_COOKIE_SIZE 512
#define MAXATOMLEN         (255 + 1)     /* Latin-1, with its NUL */
#define MAXATOMLEN_UTF8    (255*4 + 1)   /* UTF-8, with its NUL */
#define EI_MAXHOSTNAMELEN  (MAXATOMLEN - 2)
#define EI_MAXALIVELEN     (MAXATOMLEN - 2)
#define MAXNODELEN         MAXATOMLEN

typedef enum {
    ERLANG_ASCII  = 1,
    ERLANG_LATIN1 = 2,
    ERLANG_UTF8   = 4
} erlang_char_encoding;

typedef struct {
    char node[MAXATOMLEN_UTF8];
    unsigned int num;
    unsigned int serial;
    unsigned int creation;
} erlang_pid;

typedef struct {
    char node[MAXATOMLEN_UTF8];
    EI_ULONGLONG id;
    unsigned int creation;
} erlang_port;

typedef struct {
    char node[MAXATOMLEN_UTF8];
    int len; /* words of n in use */
    unsigned int n[5];
    unsigned int creation;
} erlang_ref;

typedef struct {
    long serial;
    long prev;
    erlang_pid from;
    long label;
    long flags;
} erlang_trace;

/* Which members are set depends on msgtype. */
typedef struct {
    long msgtype;
    erlang_pid from;
    erlang_pid to;
    char toname[MAXATOMLEN_UTF8];
    char cookie[MAXATOMLEN_UTF8];
    erlang_trace token;
} erlang_msg;

/* Filled by ei_decode_fun; release with free_fun. */
typedef struct {
    long arity; /* -1: a closure of the oldest form */
    char module[MAXATOMLEN_UTF8];
    enum { EI_FUN_CLOSURE, EI_FUN_EXPORT } type;
    union {
        struct {
            char md5[16];
            long index;
            long old_index;
            long uniq;
            long n_free_vars;
            erlang_pid pid;
            long free_var_len;
            char *free_vars; /* encoded */
        } closure;
        struct {
            char *func;
            int func_allocated;
        } exprt;
    } u;
} erlang_fun;

typedef struct {
    unsigned int arity; /* bytes of value */
    int is_neg;
    void *digits; /* 16 bits each, least significant first */
} erlang_big;

typedef struct {
    char ei_type;
    int arity;
    int size;
    union {
        long i_val;
        double d_val;
        char atom_name[MAXATOMLEN_UTF8];
        erlang_pid pid;
        erlang_port port;
        erlang_ref ref;
    } value;
} ei_term;

/* Who was accepted. */
typedef struct {
    char ipadr[4]; /* network order */
    char nodename[MAXNODELEN+1];
} ErlConnect;

/* ---- Sockets of the program's own ---- */

#define EI_SCLBK_INF_TMO (~((unsigned) 0)) /* no timeout */
#define EI_SCLBK_FLG_FULL_IMPL (1 << 0)    /* the callbacks honour their timeouts themselves */

#ifdef _AIX
# define EI_ACCEPT_NAME accept_ei
#else
# define EI_ACCEPT_NAME accept
#endif

/* Every function returns 0 or an error number. */
typedef struct {
    int flags;

    int (*socket)(void **ctx, void *setup_ctx);
    int (*close)(void *ctx);
    int (*listen)(void *ctx, void *addr, int *len, int backlog);
    int (*EI_ACCEPT_NAME)(void **ctx, void *addr, int *len, unsigned tmo);
    int (*connect)(void *ctx, void *addr, int len, unsigned tmo);
    int (*writev)(void *ctx, const void *iov, int iovcnt, ssize_t *len, unsigned tmo);
    int (*write)(void *ctx, const char *buf, ssize_t *len, unsigned tmo);
    int (*read)(void *ctx, char *buf, ssize_t *len, unsigned tmo);

    int (*handshake_packet_header_size)(void *ctx, int *sz);
    int (*connect_handshake_complete)(void *ctx);
    int (*accept_handshake_complete)(void *ctx);
    int (*get_fd)(void *ctx, int *fd);
} ei_socket_callbacks;

/* ---- The node ---- */

typedef struct ei_cnode_s {
    char thishostname[EI_MAXHOSTNAMELEN+1];
    char thisnodename[MAXNODELEN+1];
    char thisalivename[EI_MAXALIVELEN+1];
    char ei_connect_cookie[EI_MAX_COOKIE_SIZE+1];
    unsigned int creation;
    erlang_pid self;
    ei_socket_callbacks *cbs;
    void *setup_context;
    unsigned int pidsn;
} ei_cnode;

typedef struct in_addr *Erl_IpAddr;

typedef struct ei_x_buff_TAG {
    char *buff;
    int buffsz;
    int index; /* bytes in use */
} ei_x_buff;

/* Call once, first. */
int ei_init(void);

/* Describe the node. cookie NULL: ~/.erlang.cookie. A null alive name in xinit: the first peer gives us a name. */
int ei_connect_init(ei_cnode *ec, const char *this_node_name, const char *cookie, unsigned int creation);
int ei_connect_xinit(ei_cnode *ec, const char *thishostname, const char *thisalivename, const char *thisnodename,
                     Erl_IpAddr thisipaddr, const char *cookie, unsigned int creation);
int ei_connect_init_ussi(ei_cnode *ec, const char *this_node_name, const char *cookie, unsigned int creation,
                         ei_socket_callbacks *cbs, int cbs_sz, void *setup_context);
int ei_connect_xinit_ussi(ei_cnode *ec, const char *thishostname, const char *thisalivename,
                          const char *thisnodename, Erl_IpAddr thisipaddr, const char *cookie,
                          unsigned int creation, ei_socket_callbacks *cbs, int cbs_sz, void *setup_context);

const char *ei_thisnodename(const ei_cnode *ec);
const char *ei_thishostname(const ei_cnode *ec);
const char *ei_thisalivename(const ei_cnode *ec);

erlang_pid *ei_self(ei_cnode *ec);
int ei_make_pid(ei_cnode *ec, erlang_pid *pid);
int ei_make_ref(ei_cnode *ec, erlang_ref *ref);

void ei_set_compat_rel(unsigned rel);
void ei_set_tracelevel(int level);
int ei_get_tracelevel(void);

/* ---- Connections: a descriptor, or a negative result ---- */

int ei_connect(ei_cnode *ec, char *nodename);
int ei_connect_tmo(ei_cnode *ec, char *nodename, unsigned ms);
int ei_connect_host_port(ei_cnode *ec, char *hostname, int port);
int ei_connect_host_port_tmo(ei_cnode *ec, char *hostname, int port, unsigned ms);
int ei_xconnect(ei_cnode *ec, Erl_IpAddr adr, char *alivename);
int ei_xconnect_tmo(ei_cnode *ec, Erl_IpAddr adr, char *alivename, unsigned ms);
int ei_xconnect_host_port(ei_cnode *ec, Erl_IpAddr adr, int port);
int ei_xconnect_host_port_tmo(ei_cnode *ec, Erl_IpAddr adr, int port, unsigned ms);

int ei_listen(ei_cnode *ec, int *port, int backlog);
int ei_xlisten(ei_cnode *ec, Erl_IpAddr adr, int *port, int backlog);
int ei_accept(ei_cnode *ec, int lfd, ErlConnect *conp);
int ei_accept_tmo(ei_cnode *ec, int lfd, ErlConnect *conp, unsigned ms);
int ei_close_connection(int fd);

/* epmd keeps the name as long as the returned descriptor is open. */
int ei_publish(ei_cnode *ec, int port);
int ei_publish_tmo(ei_cnode *ec, int port, unsigned ms);
int ei_unpublish(ei_cnode *ec);
int ei_unpublish_tmo(const char *alive, unsigned ms);

struct hostent *ei_gethostbyname(const char *name);
struct hostent *ei_gethostbyaddr(const char *addr, int len, int type);
struct hostent *ei_gethostbyname_r(const char *name, struct hostent *hostp, char *buffer, int buflen,
                                   int *h_errnop);
struct hostent *ei_gethostbyaddr_r(const char *addr, int length, int type, struct hostent *hostp, char *buffer,
                                   int buflen, int *h_errnop);

/* ---- Messages ---- */

int ei_send(int fd, erlang_pid *to, char *buf, int len);
int ei_send_tmo(int fd, erlang_pid *to, char *buf, int len, unsigned ms);
int ei_reg_send(ei_cnode *ec, int fd, char *server_name, char *buf, int len);
int ei_reg_send_tmo(ei_cnode *ec, int fd, char *server_name, char *buf, int len, unsigned ms);

/* A raw packet. */
int ei_receive(int fd, unsigned char *bufp, int bufsize);
int ei_receive_tmo(int fd, unsigned char *bufp, int bufsize, unsigned ms);
/* A message into a buffer that stays as it is (receive) or grows (xreceive). */
int ei_receive_msg(int fd, erlang_msg *msg, ei_x_buff *x);
int ei_receive_msg_tmo(int fd, erlang_msg *msg, ei_x_buff *x, unsigned ms);
int ei_xreceive_msg(int fd, erlang_msg *msg, ei_x_buff *x);
int ei_xreceive_msg_tmo(int fd, erlang_msg *msg, ei_x_buff *x, unsigned ms);

/* inbuf: a list of arguments without the version byte; x: the result without it. */
int ei_rpc(ei_cnode *ec, int fd, char *mod, char *fun, const char *inbuf, int inbuflen, ei_x_buff *x);
int ei_rpc_to(ei_cnode *ec, int fd, char *mod, char *fun, const char *buf, int len);
int ei_xrpc_to(ei_cnode *ec, int fd, char *mod, char *fun, const char *buf, int len, int flags);
int ei_rpc_from(ei_cnode *ec, int fd, int timeout, erlang_msg *msg, ei_x_buff *x);

/* Free the result, one block, with free. */
char **ei_global_names(ei_cnode *ec, int fd, int *count);
int ei_global_whereis(ei_cnode *ec, int fd, const char *name, erlang_pid *pid, char *node);
int ei_global_register(int fd, const char *name, erlang_pid *self);
int ei_global_unregister(ei_cnode *ec, int fd, const char *name);

/* ---- Growing buffers ---- */

int ei_x_new(ei_x_buff *x);
int ei_x_new_with_version(ei_x_buff *x);
int ei_x_free(ei_x_buff *x);
int ei_x_append(ei_x_buff *x, const ei_x_buff *x2);
int ei_x_append_buf(ei_x_buff *x, const char *buf, int len);

/* A term from a pattern: ~a atom, ~s string, ~c char, ~i int, ~l long, ~u unsigned long, ~f float, ~d double, ~p pid. */
int ei_x_format(ei_x_buff *x, const char *fmt, ...);
int ei_x_format_wo_ver(ei_x_buff *x, const char *fmt, ...);

/* ---- Encoding ---- */

int ei_encode_version(char *buf, int *index);
int ei_x_encode_version(ei_x_buff *x);
int ei_encode_long(char *buf, int *index, long p);
int ei_x_encode_long(ei_x_buff *x, long n);
int ei_encode_ulong(char *buf, int *index, unsigned long p);
int ei_x_encode_ulong(ei_x_buff *x, unsigned long n);
int ei_encode_longlong(char *buf, int *index, EI_LONGLONG p);
int ei_x_encode_longlong(ei_x_buff *x, EI_LONGLONG n);
int ei_encode_ulonglong(char *buf, int *index, EI_ULONGLONG p);
int ei_x_encode_ulonglong(ei_x_buff *x, EI_ULONGLONG n);
int ei_encode_double(char *buf, int *index, double p);
int ei_x_encode_double(ei_x_buff *x, double dbl);
int ei_encode_boolean(char *buf, int *index, int p);
int ei_x_encode_boolean(ei_x_buff *x, int p);
int ei_encode_char(char *buf, int *index, char p);
int ei_x_encode_char(ei_x_buff *x, char p);
int ei_encode_string(char *buf, int *index, const char *p);
int ei_x_encode_string(ei_x_buff *x, const char *s);
int ei_encode_string_len(char *buf, int *index, const char *p, int len);
int ei_x_encode_string_len(ei_x_buff *x, const char *s, int len);
/* Latin-1 unless an encoding is given; always written as UTF-8. */
int ei_encode_atom(char *buf, int *index, const char *p);
int ei_x_encode_atom(ei_x_buff *x, const char *s);
int ei_encode_atom_len(char *buf, int *index, const char *p, int len);
int ei_x_encode_atom_len(ei_x_buff *x, const char *s, int len);
int ei_encode_atom_as(char *buf, int *index, const char *p, erlang_char_encoding from, erlang_char_encoding to);
int ei_x_encode_atom_as(ei_x_buff *x, const char *s, erlang_char_encoding from, erlang_char_encoding to);
int ei_encode_atom_len_as(char *buf, int *index, const char *p, int len, erlang_char_encoding from,
                          erlang_char_encoding to);
int ei_x_encode_atom_len_as(ei_x_buff *x, const char *s, int len, erlang_char_encoding from,
                            erlang_char_encoding to);
int ei_encode_binary(char *buf, int *index, const void *p, long len);
int ei_x_encode_binary(ei_x_buff *x, const void *s, int len);
int ei_encode_bitstring(char *buf, int *index, const char *p, size_t bitoffs, size_t bits);
int ei_x_encode_bitstring(ei_x_buff *x, const char *p, size_t bitoffs, size_t bits);
int ei_encode_pid(char *buf, int *index, const erlang_pid *p);
int ei_x_encode_pid(ei_x_buff *x, const erlang_pid *pid);
int ei_encode_port(char *buf, int *index, const erlang_port *p);
int ei_x_encode_port(ei_x_buff *x, const erlang_port *p);
int ei_encode_ref(char *buf, int *index, const erlang_ref *p);
int ei_x_encode_ref(ei_x_buff *x, const erlang_ref *p);
int ei_encode_fun(char *buf, int *index, const erlang_fun *p);
int ei_x_encode_fun(ei_x_buff *x, const erlang_fun *fun);
int ei_encode_trace(char *buf, int *index, const erlang_trace *p);
int ei_x_encode_trace(ei_x_buff *x, const erlang_trace *p);
/* Elements follow, and after those of a list its tail. */
int ei_encode_tuple_header(char *buf, int *index, int arity);
int ei_x_encode_tuple_header(ei_x_buff *x, long n);
int ei_encode_list_header(char *buf, int *index, int arity);
int ei_x_encode_list_header(ei_x_buff *x, long n);
#define ei_encode_empty_list(buf,i) ei_encode_list_header(buf,i,0)
int ei_x_encode_empty_list(ei_x_buff *x);
int ei_encode_map_header(char *buf, int *index, int arity);
int ei_x_encode_map_header(ei_x_buff *x, long n);

/* ---- Decoding ---- */

/* One tag for all forms of a kind, and the length where the kind has one. */
int ei_get_type(const char *buf, const int *index, int *type, int *size);
int ei_skip_term(const char *buf, int *index);

int ei_decode_version(const char *buf, int *index, int *version);
int ei_decode_long(const char *buf, int *index, long *p);
int ei_decode_ulong(const char *buf, int *index, unsigned long *p);
int ei_decode_longlong(const char *buf, int *index, EI_LONGLONG *p);
int ei_decode_ulonglong(const char *buf, int *index, EI_ULONGLONG *p);
int ei_decode_double(const char *buf, int *index, double *p);
int ei_decode_boolean(const char *buf, int *index, int *p);
int ei_decode_char(const char *buf, int *index, char *p);
int ei_decode_string(const char *buf, int *index, char *p);
int ei_decode_atom(const char *buf, int *index, char *p);
int ei_decode_atom_as(const char *buf, int *index, char *p, int destlen, erlang_char_encoding want,
                      erlang_char_encoding *was, erlang_char_encoding *result);
int ei_decode_binary(const char *buf, int *index, void *p, long *len);
int ei_decode_bitstring(const char *buf, int *index, const char **pp, unsigned int *bitoffsp, size_t *nbitsp);
int ei_decode_fun(const char *buf, int *index, erlang_fun *p);
void free_fun(erlang_fun *f);
int ei_decode_pid(const char *buf, int *index, erlang_pid *p);
int ei_decode_port(const char *buf, int *index, erlang_port *p);
int ei_decode_ref(const char *buf, int *index, erlang_ref *p);
int ei_decode_trace(const char *buf, int *index, erlang_trace *p);
int ei_decode_tuple_header(const char *buf, int *index, int *arity);
int ei_decode_list_header(const char *buf, int *index, int *arity);
int ei_decode_map_header(const char *buf, int *index, int *arity);
int ei_decode_iodata(const char *buf, int *index, int *szp, char *out_buf);
/* 1 decoded, 0 for the caller to decode, -1 error. */
int ei_decode_ei_term(const char *buf, int *index, ei_term *term);

/* Free *s; it is allocated when it was null. */
int ei_print_term(FILE *fp, const char *buf, int *index);
int ei_s_print_term(char **s, const char *buf, int *index);

int ei_cmp_refs(erlang_ref *a, erlang_ref *b);
int ei_cmp_pids(erlang_pid *a, erlang_pid *b);
int ei_cmp_ports(erlang_port *a, erlang_port *b);

/* ---- Big integers and older spellings ---- */

#ifdef USE_EI_UNDOCUMENTED

int ei_decode_intlist(const char *buf, int *index, long *a, int *count);

int ei_receive_encoded(int fd, char **bufp, int *bufsz, erlang_msg *to, int *msglen);
int ei_receive_encoded_tmo(int fd, char **bufp, int *bufsz, erlang_msg *to, int *msglen, unsigned ms);
int ei_send_encoded(int fd, const erlang_pid *to, char *msg, int msglen);
int ei_send_encoded_tmo(int fd, const erlang_pid *to, char *msg, int msglen, unsigned ms);
int ei_send_reg_encoded(int fd, const erlang_pid *from, const char *to, char *msg, int msglen);
int ei_send_reg_encoded_tmo(int fd, const erlang_pid *from, const char *to, char *msg, int msglen, unsigned ms);

#define ei_send_encoded_timeout(Fd,To,Msg,MsgLen,Ms) \
    ei_send_encoded_tmo((Fd),(To),(Msg),(MsgLen),(Ms))
#define ei_send_reg_encoded_timeout(Fd,From,To,Msg,MsgLen,Ms) \
    ei_send_reg_encoded_tmo((Fd),(From),(To),(Msg),(MsgLen),(Ms))

erlang_big *ei_alloc_big(unsigned int arity);
void ei_free_big(erlang_big *b);
int ei_encode_big(char *buf, int *index, erlang_big *big);
int ei_x_encode_big(ei_x_buff *x, erlang_big *big);
int ei_decode_big(const char *buf, int *index, erlang_big *p);
int ei_big_comp(erlang_big *x, erlang_big *y);
int ei_big_to_double(erlang_big *b, double *resp);
int ei_small_to_big(int s, erlang_big *b);

#endif /* USE_EI_UNDOCUMENTED */

/* ---- Integers of GMP, for those who include gmp.h first and link with it; the library itself does not need it ---- */

#if defined(__GNU_MP_VERSION) && (__GNU_MP_VERSION > 4 || (__GNU_MP_VERSION == 4 && __GNU_MP_VERSION_MINOR >= 1))

static __inline__ int ei_decode_bignum(const char *buf, int *index, mpz_t obj)
{
    const unsigned char *s = (const unsigned char *)buf + *index;
    int type, size, after = *index;
    long value;

    if (ei_get_type(buf, index, &type, &size) < 0 || size < 0)
        return -1;
    if (type == ERL_SMALL_INTEGER_EXT || type == ERL_INTEGER_EXT) {
        if (ei_decode_long(buf, index, &value) < 0)
            return -1;
        mpz_set_si(obj, value);
        return 0;
    }
    if ((type != ERL_SMALL_BIG_EXT && type != ERL_LARGE_BIG_EXT) || ei_skip_term(buf, &after) < 0)
        return -1;
    s += type == ERL_SMALL_BIG_EXT ? 2 : 5;
    mpz_import(obj, (size_t)size, -1, 1, 0, 0, s + 1);
    if (*s)
        mpz_neg(obj, obj);
    *index = after;
    return 0;
}

static __inline__ int ei_encode_bignum(char *buf, int *index, mpz_t obj)
{
    unsigned char *s = (unsigned char *)buf + (buf ? *index : 0);
    size_t size = (mpz_sizeinbase(obj, 2) + 7) / 8;
    int head = size > 255 ? 6 : 3;

    if (mpz_fits_slong_p(obj))
        return ei_encode_long(buf, index, mpz_get_si(obj));
    if (size > 0x7ffffff0)
        return -1;
    if (buf) {
        if (head == 3) {
            *s++ = ERL_SMALL_BIG_EXT;
        } else {
            *s++ = ERL_LARGE_BIG_EXT;
            *s++ = (unsigned char)(size >> 24);
            *s++ = (unsigned char)(size >> 16);
            *s++ = (unsigned char)(size >> 8);
        }
        *s++ = (unsigned char)size;
        *s++ = mpz_sgn(obj) < 0;
        mpz_export(s, NULL, -1, 1, 0, 0, obj);
    }
    *index += head + (int)size;
    return 0;
}

static __inline__ int ei_x_encode_bignum(ei_x_buff *x, mpz_t obj)
{
    static const char room[64] = "";
    int start = x->index, size = 0, chunk;

    if (ei_encode_bignum(NULL, &size, obj) < 0)
        return -1;
    for (; size > 0; size -= chunk) {
        chunk = size < (int)sizeof room ? size : (int)sizeof room;
        if (ei_x_append_buf(x, room, chunk) < 0) {
            x->index = start;
            return -1;
        }
    }
    return ei_encode_bignum(x->buff, &start, obj);
}

#endif

#ifdef __cplusplus
}
#endif

#endif /* EI_H */
