// Distribution over TLS: options from files, from memory and from OTP's option file; who is not believed; misuse.
// tests/c/main.rs puts the PEM files into ERLNODE_TLS_FILES.

#include "check.h"

#define PATIENCE 20000

static char paths[4][512];

static const char *path(int slot, const char *name) {
    const char *folder = getenv("ERLNODE_TLS_FILES");
    CHECK(folder != NULL);
    snprintf(paths[slot], sizeof paths[slot], "%s/%s", folder, name);
    return paths[slot];
}

static char *contents(const char *name) {
    FILE *file = fopen(path(3, name), "rb");
    CHECK(file != NULL);
    char *text = calloc(1, 16384);
    CHECK(text != NULL && fread(text, 1, 16383, file) > 0);
    fclose(file);
    return text;
}

static erln_config *config(const char *name) {
    erln_config *made = erln_config_new(name);
    CHECK(made != NULL);
    CHECK_OK(erln_config_set_cookie(made, "secret"));
    return made;
}

static erln_config *with_files(const char *name, const char *cert, const char *key, const char *ca) {
    erln_config *made = config(name);
    CHECK_OK(erln_config_set_tls_files(made, path(0, cert), path(1, key), path(2, ca)));
    return made;
}

static erln_node start(erln_config *made) {
    erln_node node;
    CHECK_OK(erln_node_start(made, &node));
    erln_config_free(made);
    return node;
}

static void nodes_meet(void) {
    erln_config *memory = config("ffi_tls_b@localhost");
    char *cert = contents("cert.pem"), *key = contents("key.pem"), *ca = contents("ca.pem");
    CHECK_OK(erln_config_set_tls_pem(memory, cert, key, ca));
    CHECK_OK(erln_config_set_tls_versions(memory, ERLN_TLS_1_3, ERLN_TLS_1_3));
    CHECK_OK(erln_config_set_tls_check_callers(memory, true));
    free(cert);
    free(key);
    free(ca);
    erln_config *otp = config("ffi_tls_c@localhost");
    CHECK_OK(erln_config_set_tls_optfile(otp, path(0, "tls.conf")));
    erln_node a = start(with_files("ffi_tls_a@localhost", "cert.pem", "key.pem", "ca.pem"));
    erln_node b = start(memory), c = start(otp);
    CHECK_OK(erln_node_connect(a, "ffi_tls_b@localhost", PATIENCE));
    CHECK_OK(erln_node_connect(b, "ffi_tls_c@localhost", PATIENCE));
    CHECK_OK(erln_node_connect(c, "ffi_tls_a@localhost", PATIENCE));
    CHECK_OK(erln_node_reload_tls(a));

    // Certificates of somebody else's authority, at either end.
    erln_node other = start(with_files("ffi_tls_o@localhost", "other.pem", "other-key.pem", "other-ca.pem"));
    CHECK_STATUS(ERLN_ERR_TLS, erln_node_connect(other, "ffi_tls_a@localhost", PATIENCE));
    CHECK(strstr(erln_last_error(), "authorities") != NULL);
    CHECK_STATUS(ERLN_ERR_TLS, erln_node_connect(a, "ffi_tls_o@localhost", PATIENCE));
    // Unless one end wants no proof and the other does not ask.
    erln_config *careless = with_files("ffi_tls_d@localhost", "other.pem", "other-key.pem", "other-ca.pem");
    CHECK_OK(erln_config_set_tls_danger_no_verify(careless));
    erln_node d = start(careless);
    CHECK_STATUS(ERLN_ERR_TLS, erln_node_connect(d, "ffi_tls_a@localhost", PATIENCE));
    erln_config *host = with_files("ffi_tls_h@localhost", "other.pem", "other-key.pem", "other-ca.pem");
    CHECK_OK(erln_config_set_tls_danger_anonymous_callers(host));
    erln_node h = start(host);
    CHECK_OK(erln_node_connect(d, "ffi_tls_h@localhost", PATIENCE));

    // Without TLS at one end.
    erln_node plain = start(config("ffi_tls_p@localhost"));
    CHECK_STATUS(ERLN_ERR_TLS, erln_node_connect(plain, "ffi_tls_a@localhost", PATIENCE));
    CHECK_STATUS(ERLN_ERR_TLS, erln_node_connect(a, "ffi_tls_p@localhost", PATIENCE));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_node_reload_tls(plain));
    erln_node all[] = {a, b, c, d, h, other, plain};
    for (size_t n = 0; n < sizeof all / sizeof all[0]; n++) CHECK_OK(erln_node_stop(all[n]));
    CHECK_STATUS(ERLN_ERR_CLOSED, erln_node_reload_tls(a));
}

static void the_revoked_are_refused(void) {
    char *lists = contents("crl.pem");
    erln_config *text = with_files("ffi_tls_t@localhost", "cert.pem", "key.pem", "ca.pem");
    CHECK_OK(erln_config_set_tls_crl_pem(text, lists, ERLN_CRL_CHAIN));
    free(lists);
    erln_config *file = with_files("ffi_tls_f@localhost", "cert.pem", "key.pem", "ca.pem");
    CHECK_OK(erln_config_set_tls_crl_file(file, path(3, "crl.pem"), ERLN_CRL_PEER));
    erln_node a = start(text), b = start(file);
    erln_node revoked = start(with_files("ffi_tls_r@localhost", "revoked.pem", "revoked-key.pem", "ca.pem"));
    CHECK_OK(erln_node_connect(a, "ffi_tls_f@localhost", PATIENCE));
    CHECK_STATUS(ERLN_ERR_TLS, erln_node_connect(b, "ffi_tls_r@localhost", PATIENCE));
    CHECK(strstr(erln_last_error(), "its certificate was revoked") != NULL);
    CHECK_STATUS(ERLN_ERR_TLS, erln_node_connect(revoked, "ffi_tls_t@localhost", PATIENCE));
    CHECK(strstr(erln_last_error(), "our certificate was revoked") != NULL);
    CHECK_OK(erln_node_stop(a));
    CHECK_OK(erln_node_stop(b));
    CHECK_OK(erln_node_stop(revoked));
}

static void mistakes_are_told(void) {
    erln_node node;
    erln_config *made = config("ffi_tls_m@localhost");
    // What changes TLS options needs some.
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_versions(made, ERLN_TLS_1_2, ERLN_TLS_1_3));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_danger_no_verify(made));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_check_callers(made, true));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_crl_file(made, "crl.pem", ERLN_CRL_CHAIN));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_danger_anonymous_callers(made));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_files(made, NULL, "b", "c"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_pem(made, "a", NULL, "c"));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_optfile(made, NULL));
    CHECK_STATUS(ERLN_ERR_IO, erln_config_set_tls_optfile(made, path(0, "nowhere.conf")));
    CHECK(strstr(erln_last_error(), "nowhere.conf") != NULL);
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_optfile(made, path(0, "unknown.conf")));
    CHECK(strstr(erln_last_error(), "psk_identity") != NULL);
    CHECK_OK(erln_config_set_tls_files(made, path(0, "cert.pem"), path(1, "nowhere.pem"), path(2, "ca.pem")));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_versions(made, ERLN_TLS_1_3, ERLN_TLS_1_2));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_versions(made, 11, 13));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_crl_file(made, "crl.pem", 0));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_crl_file(made, NULL, ERLN_CRL_CHAIN));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_crl_pem(made, NULL, ERLN_CRL_CHAIN));
    CHECK_STATUS(ERLN_ERR_IO, erln_node_start(made, &node));
    CHECK(strstr(erln_last_error(), "nowhere.pem") != NULL);
    CHECK_OK(erln_config_set_tls_files(made, path(0, "cert.pem"), path(1, "other-key.pem"), path(2, "ca.pem")));
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_node_start(made, &node));
    CHECK(strstr(erln_last_error(), "private key") != NULL);
    erln_config_free(made);
    CHECK_STATUS(ERLN_ERR_ARGUMENT, erln_config_set_tls_danger_no_verify(NULL));
}

int main(void) {
    nodes_meet();
    the_revoked_are_refused();
    mistakes_are_told();
    return 0;
}
