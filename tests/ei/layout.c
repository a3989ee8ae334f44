/* The size of every struct, the place of every member, the value of every constant. */
#include <ei.h>
#include <stddef.h>

#define SIZE(t) printf("sizeof " #t ": %zu %zu\n", sizeof(t), __alignof__(t))
#define PLACE(t, m) printf("place " #t "." #m ": %zu %zu\n", offsetof(t, m), sizeof(((t *)0)->m))
#define NUMBER(c) printf("number " #c ": %lld\n", (long long)(c))

int main(void)
{
    SIZE(erlang_char_encoding), SIZE(erlang_pid), SIZE(erlang_port), SIZE(erlang_ref), SIZE(erlang_trace), SIZE(erlang_msg);
    SIZE(erlang_fun), SIZE(erlang_big), SIZE(ei_term), SIZE(ErlConnect), SIZE(ei_socket_callbacks), SIZE(ei_cnode), SIZE(Erl_IpAddr);
    SIZE(ei_x_buff), SIZE(EI_LONGLONG), SIZE(EI_ULONGLONG), SIZE(struct ei_cnode_s), SIZE(struct ei_x_buff_TAG);
    PLACE(erlang_pid, node), PLACE(erlang_pid, num), PLACE(erlang_pid, serial), PLACE(erlang_pid, creation);
    PLACE(erlang_port, node), PLACE(erlang_port, id), PLACE(erlang_port, creation);
    PLACE(erlang_ref, node), PLACE(erlang_ref, len), PLACE(erlang_ref, n), PLACE(erlang_ref, creation);
    PLACE(erlang_trace, serial), PLACE(erlang_trace, prev), PLACE(erlang_trace, from), PLACE(erlang_trace, label);
    PLACE(erlang_trace, flags);
    PLACE(erlang_msg, msgtype), PLACE(erlang_msg, from), PLACE(erlang_msg, to), PLACE(erlang_msg, toname), PLACE(erlang_msg, cookie);
    PLACE(erlang_msg, token);
    PLACE(erlang_fun, arity), PLACE(erlang_fun, module), PLACE(erlang_fun, type), PLACE(erlang_fun, u);
    PLACE(erlang_fun, u.closure.md5), PLACE(erlang_fun, u.closure.index), PLACE(erlang_fun, u.closure.old_index);
    PLACE(erlang_fun, u.closure.uniq), PLACE(erlang_fun, u.closure.n_free_vars), PLACE(erlang_fun, u.closure.pid);
    PLACE(erlang_fun, u.closure.free_var_len), PLACE(erlang_fun, u.closure.free_vars), PLACE(erlang_fun, u.exprt.func);
    PLACE(erlang_fun, u.exprt.func_allocated);
    PLACE(erlang_big, arity), PLACE(erlang_big, is_neg), PLACE(erlang_big, digits);
    PLACE(ei_term, ei_type), PLACE(ei_term, arity), PLACE(ei_term, size), PLACE(ei_term, value), PLACE(ei_term, value.i_val);
    PLACE(ei_term, value.d_val), PLACE(ei_term, value.atom_name), PLACE(ei_term, value.pid), PLACE(ei_term, value.port);
    PLACE(ei_term, value.ref);
    PLACE(ErlConnect, ipadr), PLACE(ErlConnect, nodename);
    PLACE(ei_socket_callbacks, flags), PLACE(ei_socket_callbacks, socket), PLACE(ei_socket_callbacks, close);
    PLACE(ei_socket_callbacks, listen), PLACE(ei_socket_callbacks, accept), PLACE(ei_socket_callbacks, connect);
    PLACE(ei_socket_callbacks, writev), PLACE(ei_socket_callbacks, write), PLACE(ei_socket_callbacks, read);
    PLACE(ei_socket_callbacks, handshake_packet_header_size), PLACE(ei_socket_callbacks, connect_handshake_complete);
    PLACE(ei_socket_callbacks, accept_handshake_complete), PLACE(ei_socket_callbacks, get_fd);
    PLACE(ei_cnode, thishostname), PLACE(ei_cnode, thisnodename), PLACE(ei_cnode, thisalivename), PLACE(ei_cnode, ei_connect_cookie);
    PLACE(ei_cnode, creation), PLACE(ei_cnode, self), PLACE(ei_cnode, cbs), PLACE(ei_cnode, setup_context), PLACE(ei_cnode, pidsn);
    PLACE(ei_x_buff, buff), PLACE(ei_x_buff, buffsz), PLACE(ei_x_buff, index);

    NUMBER(EI_HAVE_TIMEOUT), NUMBER(ERL_ERROR), NUMBER(ERL_NO_DAEMON), NUMBER(ERL_NO_PORT), NUMBER(ERL_CONNECT_FAIL);
    NUMBER(ERL_TIMEOUT), NUMBER(ERL_NO_REMOTE), NUMBER(ERL_TICK), NUMBER(ERL_MSG), NUMBER(ERL_NO_TIMEOUT), NUMBER(ERL_LINK);
    NUMBER(ERL_SEND), NUMBER(ERL_EXIT), NUMBER(ERL_UNLINK), NUMBER(ERL_NODE_LINK), NUMBER(ERL_REG_SEND), NUMBER(ERL_GROUP_LEADER);
    NUMBER(ERL_EXIT2), NUMBER(ERL_PASS_THROUGH), NUMBER(ERL_SEND_TT), NUMBER(ERL_EXIT_TT), NUMBER(ERL_REG_SEND_TT);
    NUMBER(ERL_EXIT2_TT), NUMBER(ERL_MONITOR_P), NUMBER(ERL_DEMONITOR_P), NUMBER(ERL_MONITOR_P_EXIT), NUMBER(EI_RPC_FETCH_STDOUT);
    NUMBER(ERL_SMALL_INTEGER_EXT), NUMBER(ERL_INTEGER_EXT), NUMBER(ERL_FLOAT_EXT), NUMBER(NEW_FLOAT_EXT), NUMBER(ERL_ATOM_EXT);
    NUMBER(ERL_SMALL_ATOM_EXT), NUMBER(ERL_ATOM_UTF8_EXT), NUMBER(ERL_SMALL_ATOM_UTF8_EXT), NUMBER(ERL_REFERENCE_EXT);
    NUMBER(ERL_NEW_REFERENCE_EXT), NUMBER(ERL_NEWER_REFERENCE_EXT), NUMBER(ERL_PORT_EXT), NUMBER(ERL_NEW_PORT_EXT);
    NUMBER(ERL_V4_PORT_EXT), NUMBER(ERL_PID_EXT), NUMBER(ERL_NEW_PID_EXT), NUMBER(ERL_SMALL_TUPLE_EXT), NUMBER(ERL_LARGE_TUPLE_EXT);
    NUMBER(ERL_NIL_EXT), NUMBER(ERL_STRING_EXT), NUMBER(ERL_LIST_EXT), NUMBER(ERL_BINARY_EXT), NUMBER(ERL_BIT_BINARY_EXT);
    NUMBER(ERL_SMALL_BIG_EXT), NUMBER(ERL_LARGE_BIG_EXT), NUMBER(ERL_NEW_FUN_EXT), NUMBER(ERL_MAP_EXT), NUMBER(ERL_FUN_EXT);
    NUMBER(ERL_EXPORT_EXT), NUMBER(ERL_NEW_CACHE), NUMBER(ERL_CACHED_ATOM), NUMBER(EI_MAX_COOKIE_SIZE), NUMBER(MAXATOMLEN);
    NUMBER(MAXATOMLEN_UTF8), NUMBER(EI_MAXHOSTNAMELEN), NUMBER(EI_MAXALIVELEN), NUMBER(MAXNODELEN), NUMBER(ERLANG_ASCII);
    NUMBER(ERLANG_LATIN1), NUMBER(ERLANG_UTF8), NUMBER(EI_FUN_CLOSURE), NUMBER(EI_FUN_EXPORT), NUMBER(EI_SCLBK_INF_TMO);
    NUMBER(EI_SCLBK_FLG_FULL_IMPL), NUMBER(EMSGSIZE), NUMBER(ETIMEDOUT), NUMBER(EHOSTUNREACH);
#ifdef USE_EI_UNDOCUMENTED
    printf("switch USE_EI_UNDOCUMENTED: on\n");
#endif
#ifdef EI_HAVE_DEPRECATED_ATTR__
    NUMBER(EI_HAVE_DEPRECATED_ATTR__);
#endif
    return 0;
}
