/* Mentions every function of the header with its type, and every other name that the library exports. Compiled as C and as C++; running
 * it proves that all of them were linked. */
#include <ei.h>

#ifdef __cplusplus
extern "C" {
#endif
/* Exported without a declaration; only their addresses are taken. */
void ei_MD5Final(void);
void ei_MD5Init(void);
void ei_MD5Update(void);
void ei_accept_ctx_t__(void);
void ei_accept_t__(void);
void ei_close__(void);
void ei_close_ctx__(void);
void ei_connect_ctx_t__(void);
void ei_connect_t__(void);
extern ei_socket_callbacks ei_default_socket_callbacks;
void ei_distversion(void);
void ei_do_receive_msg(void);
void ei_epmd_connect_tmo(void);
void ei_epmd_port(void);
void ei_epmd_port_tmo(void);
void ei_epmd_publish(void);
void ei_epmd_publish_tmo(void);
void ei_fd_to_cnode(void);
void ei_free(void);
void ei_get_cbs_ctx__(void);
void ei_getfdcookie(void);
void ei_init_connect(void);
void ei_init_resolve(void);
void ei_internal_get_atom(void);
void ei_internal_put_atom(void);
void ei_listen__(void);
void ei_listen_ctx__(void);
void ei_m_create(void);
void ei_m_destroy(void);
void ei_m_lock(void);
void ei_m_trylock(void);
void ei_m_unlock(void);
void ei_malloc(void);
void ei_mutex_create(void);
void ei_mutex_free(void);
void ei_mutex_lock(void);
void ei_mutex_unlock(void);
extern int ei_plugin_socket_impl__;
void ei_read_fill__(void);
void ei_read_fill_ctx__(void);
void ei_read_fill_ctx_t__(void);
void ei_read_fill_t__(void);
void ei_realloc(void);
void ei_recv_internal(void);
void ei_send_exit(void);
void ei_send_exit_tmo(void);
void ei_show_recmsg(void);
void ei_show_sendmsg(void);
void ei_socket__(void);
void ei_socket_callbacks_have_writev__(void);
void ei_socket_ctx__(void);
void ei_thiscookie(void);
void ei_trace(void);
void ei_trace_printf(void);
extern int ei_tracelevel;
void ei_write_fill__(void);
void ei_write_fill_ctx__(void);
void ei_write_fill_ctx_t__(void);
void ei_write_fill_t__(void);
void ei_writev_fill_ctx_t__(void);
void ei_writev_fill_t__(void);
extern int ei_x_extra;
void latin1_to_utf8(void);
void utf8_to_latin1(void);
void x_fix_buff(void);
#ifdef __cplusplus
}
#endif

typedef void (*function)(void);

static const function declared[] = {
    (function)ei_accept,
    (function)ei_accept_tmo,
    (function)ei_alloc_big,
    (function)ei_big_comp,
    (function)ei_big_to_double,
    (function)ei_close_connection,
    (function)ei_cmp_pids,
    (function)ei_cmp_ports,
    (function)ei_cmp_refs,
    (function)ei_connect,
    (function)ei_connect_host_port,
    (function)ei_connect_host_port_tmo,
    (function)ei_connect_init,
    (function)ei_connect_init_ussi,
    (function)ei_connect_tmo,
    (function)ei_connect_xinit,
    (function)ei_connect_xinit_ussi,
    (function)ei_decode_atom,
    (function)ei_decode_atom_as,
    (function)ei_decode_big,
    (function)ei_decode_binary,
    (function)ei_decode_bitstring,
    (function)ei_decode_boolean,
    (function)ei_decode_char,
    (function)ei_decode_double,
    (function)ei_decode_ei_term,
    (function)ei_decode_fun,
    (function)ei_decode_intlist,
    (function)ei_decode_iodata,
    (function)ei_decode_list_header,
    (function)ei_decode_long,
    (function)ei_decode_longlong,
    (function)ei_decode_map_header,
    (function)ei_decode_pid,
    (function)ei_decode_port,
    (function)ei_decode_ref,
    (function)ei_decode_string,
    (function)ei_decode_trace,
    (function)ei_decode_tuple_header,
    (function)ei_decode_ulong,
    (function)ei_decode_ulonglong,
    (function)ei_decode_version,
    (function)ei_encode_atom,
    (function)ei_encode_atom_as,
    (function)ei_encode_atom_len,
    (function)ei_encode_atom_len_as,
    (function)ei_encode_big,
    (function)ei_encode_binary,
    (function)ei_encode_bitstring,
    (function)ei_encode_boolean,
    (function)ei_encode_char,
    (function)ei_encode_double,
    (function)ei_encode_fun,
    (function)ei_encode_list_header,
    (function)ei_encode_long,
    (function)ei_encode_longlong,
    (function)ei_encode_map_header,
    (function)ei_encode_pid,
    (function)ei_encode_port,
    (function)ei_encode_ref,
    (function)ei_encode_string,
    (function)ei_encode_string_len,
    (function)ei_encode_trace,
    (function)ei_encode_tuple_header,
    (function)ei_encode_ulong,
    (function)ei_encode_ulonglong,
    (function)ei_encode_version,
    (function)ei_free_big,
    (function)ei_get_tracelevel,
    (function)ei_get_type,
    (function)ei_gethostbyaddr,
    (function)ei_gethostbyaddr_r,
    (function)ei_gethostbyname,
    (function)ei_gethostbyname_r,
    (function)ei_global_names,
    (function)ei_global_register,
    (function)ei_global_unregister,
    (function)ei_global_whereis,
    (function)ei_init,
    (function)ei_listen,
    (function)ei_make_pid,
    (function)ei_make_ref,
    (function)ei_print_term,
    (function)ei_publish,
    (function)ei_publish_tmo,
    (function)ei_receive,
    (function)ei_receive_encoded,
    (function)ei_receive_encoded_tmo,
    (function)ei_receive_msg,
    (function)ei_receive_msg_tmo,
    (function)ei_receive_tmo,
    (function)ei_reg_send,
    (function)ei_reg_send_tmo,
    (function)ei_rpc,
    (function)ei_rpc_from,
    (function)ei_rpc_to,
    (function)ei_s_print_term,
    (function)ei_self,
    (function)ei_send,
    (function)ei_send_encoded,
    (function)ei_send_encoded_tmo,
    (function)ei_send_reg_encoded,
    (function)ei_send_reg_encoded_tmo,
    (function)ei_send_tmo,
    (function)ei_set_compat_rel,
    (function)ei_set_tracelevel,
    (function)ei_skip_term,
    (function)ei_small_to_big,
    (function)ei_thisalivename,
    (function)ei_thishostname,
    (function)ei_thisnodename,
    (function)ei_unpublish,
    (function)ei_unpublish_tmo,
    (function)ei_x_append,
    (function)ei_x_append_buf,
    (function)ei_x_encode_atom,
    (function)ei_x_encode_atom_as,
    (function)ei_x_encode_atom_len,
    (function)ei_x_encode_atom_len_as,
    (function)ei_x_encode_big,
    (function)ei_x_encode_binary,
    (function)ei_x_encode_bitstring,
    (function)ei_x_encode_boolean,
    (function)ei_x_encode_char,
    (function)ei_x_encode_double,
    (function)ei_x_encode_empty_list,
    (function)ei_x_encode_fun,
    (function)ei_x_encode_list_header,
    (function)ei_x_encode_long,
    (function)ei_x_encode_longlong,
    (function)ei_x_encode_map_header,
    (function)ei_x_encode_pid,
    (function)ei_x_encode_port,
    (function)ei_x_encode_ref,
    (function)ei_x_encode_string,
    (function)ei_x_encode_string_len,
    (function)ei_x_encode_trace,
    (function)ei_x_encode_tuple_header,
    (function)ei_x_encode_ulong,
    (function)ei_x_encode_ulonglong,
    (function)ei_x_encode_version,
    (function)ei_x_format,
    (function)ei_x_format_wo_ver,
    (function)ei_x_free,
    (function)ei_x_new,
    (function)ei_x_new_with_version,
    (function)ei_xconnect,
    (function)ei_xconnect_host_port,
    (function)ei_xconnect_host_port_tmo,
    (function)ei_xconnect_tmo,
    (function)ei_xlisten,
    (function)ei_xreceive_msg,
    (function)ei_xreceive_msg_tmo,
    (function)ei_xrpc_to,
    (function)free_fun,
};

static const function exported[] = {
    ei_MD5Final,
    ei_MD5Init,
    ei_MD5Update,
    ei_accept_ctx_t__,
    ei_accept_t__,
    ei_close__,
    ei_close_ctx__,
    ei_connect_ctx_t__,
    ei_connect_t__,
    ei_distversion,
    ei_do_receive_msg,
    ei_epmd_connect_tmo,
    ei_epmd_port,
    ei_epmd_port_tmo,
    ei_epmd_publish,
    ei_epmd_publish_tmo,
    ei_fd_to_cnode,
    ei_free,
    ei_get_cbs_ctx__,
    ei_getfdcookie,
    ei_init_connect,
    ei_init_resolve,
    ei_internal_get_atom,
    ei_internal_put_atom,
    ei_listen__,
    ei_listen_ctx__,
    ei_m_create,
    ei_m_destroy,
    ei_m_lock,
    ei_m_trylock,
    ei_m_unlock,
    ei_malloc,
    ei_mutex_create,
    ei_mutex_free,
    ei_mutex_lock,
    ei_mutex_unlock,
    ei_read_fill__,
    ei_read_fill_ctx__,
    ei_read_fill_ctx_t__,
    ei_read_fill_t__,
    ei_realloc,
    ei_recv_internal,
    ei_send_exit,
    ei_send_exit_tmo,
    ei_show_recmsg,
    ei_show_sendmsg,
    ei_socket__,
    ei_socket_callbacks_have_writev__,
    ei_socket_ctx__,
    ei_thiscookie,
    ei_trace,
    ei_trace_printf,
    ei_write_fill__,
    ei_write_fill_ctx__,
    ei_write_fill_ctx_t__,
    ei_write_fill_t__,
    ei_writev_fill_ctx_t__,
    ei_writev_fill_t__,
    latin1_to_utf8,
    utf8_to_latin1,
    x_fix_buff,
};

int main(void)
{
    unsigned i;

    erl_errno = 5;
    for (i = 0; i < sizeof declared / sizeof *declared; i++)
        if (declared[i] == NULL)
            return 1;
    for (i = 0; i < sizeof exported / sizeof *exported; i++)
        if (exported[i] == NULL)
            return 1;
    printf("names: %d %d %d %d %d %d\n", (int)(sizeof declared / sizeof *declared), (int)(sizeof exported / sizeof *exported), ei_x_extra,
           ei_tracelevel, ei_plugin_socket_impl__, ei_default_socket_callbacks.writev != NULL);
    printf("errno: %d\n", erl_errno);
    return 0;
}
