// The store of kv: results, buckets, and the router that runs a function here or on the node that holds a bucket.

#ifndef KV_STORE_H
#define KV_STORE_H

#include "kv_table.h"

#define PATIENCE_MS 5000
#define ROUTER "Elixir.KV.Router"
#define TASKS "Elixir.KV.RouterTasks"
#define REGISTRY "Elixir.KV.Registry"
#define BUCKET "Elixir.KV.Bucket"

static erln_node node;
static erln_name self;

// What a function came to: a value, or the reason of an exit or error. The writer holds it.
struct result {
    enum { VALUE, ERROR, EXIT } kind;
    erln_writer *writer;
};

static inline erln_bytes term_of(const struct result *result) {
    erln_bytes term = {NULL, 0};
    erln_writer_finish(result->writer, &term);
    return term;
}

static inline struct result failure(const char *reason) {
    struct result result = {ERROR, erln_writer_new()};
    erln_write_atom(result.writer, reason);
    return result;
}

// Answers a request with a result, and frees that.
static inline void finish_request(erln_request *request, const struct result *result) {
    erln_bytes term = term_of(result);
    if (result->kind == VALUE) {
        erln_request_reply(request, term.ptr, term.len);
    } else {
        erln_request_fail(request, result->kind == EXIT ? ERLN_CLASS_EXIT : ERLN_CLASS_ERROR, term.ptr, term.len);
    }
    erln_writer_free(result->writer);
}

// ---------------------------------------------------------------------------------------------------------------- buckets

// Keys and values, encoded. Only the bucket's one thread looks at them.
struct pair {
    struct pair *next;
    size_t key_len, value_len;
    uint8_t bytes[];
};

struct bucket {
    struct pair *pairs;
};

// The place of a key's pair, or the end of the chain.
static inline struct pair **find(struct bucket *bucket, erln_bytes key) {
    struct pair **place = &bucket->pairs;
    while (*place != NULL && ((*place)->key_len != key.len || memcmp((*place)->bytes, key.ptr, key.len) != 0)) {
        place = &(*place)->next;
    }
    return place;
}

static inline void bucket_forget(struct bucket *bucket, erln_bytes key) {
    struct pair **place = find(bucket, key), *pair = *place;
    if (pair == NULL) return;
    *place = pair->next;
    free(pair);
}

static inline void bucket_put(struct bucket *bucket, erln_bytes key, erln_bytes value) {
    struct pair *pair = malloc(sizeof *pair + key.len + value.len);
    bucket_forget(bucket, key);
    pair->next = bucket->pairs;
    pair->key_len = key.len;
    pair->value_len = value.len;
    memcpy(pair->bytes, key.ptr, key.len);
    memcpy(pair->bytes + key.len, value.ptr, value.len);
    bucket->pairs = pair;
}

// Answers with the value of a key or nil.
static inline void bucket_get(struct bucket *bucket, erln_bytes key, bool forget, erln_mailbox box, erln_msg *msg) {
    struct pair *pair = *find(bucket, key);
    if (pair == NULL) {
        erln_answer(box, msg, "nil");
        return;
    }
    erln_answer_term(box, msg, pair->bytes + pair->key_len, pair->value_len);
    if (forget) bucket_forget(bucket, key);
}

// ----------------------------------------------------------------------------------------------------------------- router

static inline bool is(erln_bytes text, const char *other) {
    return text.len == strlen(other) && memcmp(text.ptr, other, text.len) == 0;
}

// Keeps the reply to a call, or why there is none.
static inline struct result kept(erln_status status, erln_msg *reply) {
    struct result result = {VALUE, erln_writer_new()};
    erln_bytes term;
    if (status == ERLN_OK) {
        must(erln_msg_payload(reply, &term));
        erln_write(result.writer, "~t", term.ptr, term.len);
        erln_msg_free(reply);
    } else {
        result.kind = EXIT;
        erln_write(result.writer, "{~a, ~S}", erln_status_name(status), erln_last_error());
    }
    return result;
}

// Runs module:function(args) on this node: only what belongs to the store.
static inline struct result apply(erln_bytes module, erln_bytes function, erln_bytes args) {
    erln_mailbox box;
    erln_reader reader;
    erln_pid pid;
    erln_bytes name, key, value;
    erln_msg *reply = NULL;
    struct result result;
    erln_status status = ERLN_ERR_ARGUMENT;
    bool known = true;
    must(erln_reader_init(&reader, args.ptr, args.len));
    if (is(module, "Elixir.Kernel") && is(function, "node") && erln_read_nil(&reader)) {
        result = (struct result){VALUE, erln_writer_new()};
        erln_write_atom(result.writer, self.text);
        return result;
    }
    must(erln_mailbox_open(node, NULL, NULL, &box));
    if (is(module, REGISTRY) && is(function, "lookup") && erln_read_match(&reader, "[_, ~S]", &name)) {
        status = erln_call(box, erln_to_name(REGISTRY), PATIENCE_MS, &reply, "{lookup, ~b}", name.ptr, name.len);
    } else if (is(module, REGISTRY) && is(function, "create") && erln_read_match(&reader, "[_, ~S]", &name)) {
        status = erln_call(box, erln_to_name(REGISTRY), PATIENCE_MS, &reply, "{create, ~b}", name.ptr, name.len);
    } else if (is(module, BUCKET) && is(function, "get") && erln_read_match(&reader, "[~p, ~t]", &pid, &key)) {
        status = erln_call(box, erln_to_pid(&pid), PATIENCE_MS, &reply, "{get, ~t}", key.ptr, key.len);
    } else if (is(module, BUCKET) && is(function, "delete") && erln_read_match(&reader, "[~p, ~t]", &pid, &key)) {
        status = erln_call(box, erln_to_pid(&pid), PATIENCE_MS, &reply, "{delete, ~t}", key.ptr, key.len);
    } else if (is(module, BUCKET) && is(function, "put") &&
               erln_read_match(&reader, "[~p, ~t, ~t]", &pid, &key, &value)) {
        status = erln_call(box, erln_to_pid(&pid), PATIENCE_MS, &reply, "{put, ~t, ~t}", key.ptr, key.len, value.ptr,
                           value.len);
    } else {
        known = false;
    }
    result = known ? kept(status, reply) : failure("undef");
    erln_mailbox_close(box);
    return result;
}

// What `raise "..."` makes in Elixir: no node holds this bucket.
static inline struct result no_entry(erln_bytes bucket) {
    struct result result = {ERROR, erln_writer_new()};
    char table[4096], text[5000];
    show_table(table, sizeof table);
    snprintf(text, sizeof text, "could not find entry for \"%.*s\" in table %s", (int)bucket.len,
             (const char *)bucket.ptr, table);
    erln_write(result.writer, "#{'__struct__' => 'Elixir.RuntimeError', '__exception__' => true, message => ~S}", text);
    return result;
}

// KV.Router.route(bucket, module, function, args): here, or as a task of the node that holds the bucket.
static inline struct result route(erln_bytes bucket, erln_bytes module, erln_bytes function, erln_bytes args) {
    const char *owner = owner_of(bucket);
    struct result result = {VALUE, NULL};
    char module_name[ERLN_NAME_SIZE], function_name[ERLN_NAME_SIZE];
    erln_mailbox box;
    erln_task task;
    erln_msg *end = NULL;
    erln_status status;
    erln_bytes term;
    if (owner == NULL) return no_entry(bucket);
    if (strcmp(owner, self.text) == 0) return apply(module, function, args);
    if (module.len >= sizeof module_name || function.len >= sizeof function_name) return failure("badarg");
    snprintf(module_name, sizeof module_name, "%.*s", (int)module.len, (const char *)module.ptr);
    snprintf(function_name, sizeof function_name, "%.*s", (int)function.len, (const char *)function.ptr);
    must(erln_mailbox_open(node, NULL, NULL, &box));
    status = erln_task_async(box, erln_to_remote(TASKS, owner), ROUTER, "route", 0, PATIENCE_MS, &task,
                             "[~b, ~a, ~a, ~t]", bucket.ptr, bucket.len, module_name, function_name, args.ptr, args.len);
    if (status == ERLN_OK) status = erln_task_await(box, &task, PATIENCE_MS, &end);
    if (status != ERLN_OK) {
        result = kept(status, NULL);
    } else {
        result.writer = erln_writer_new();
        if (!erln_match(end, "{ok, ~t}", &term)) {
            result.kind = EXIT;
            must(erln_match(end, "{exit, ~t}", &term) ? ERLN_OK : ERLN_ERR_MALFORMED);
        }
        erln_write(result.writer, "~t", term.ptr, term.len);
        erln_msg_free(end);
    }
    erln_mailbox_close(box);
    return result;
}

#endif
