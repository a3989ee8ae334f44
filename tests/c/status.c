// Versions, status names and the text of the last error.

#include "check.h"

int main(void) {
    CHECK(erln_abi() == ERLN_ABI);
    CHECK(strlen(erln_version()) >= strlen("0.1.0"));
    CHECK(strcmp(erln_last_error(), "") == 0);
    CHECK(strcmp(erln_status_name(ERLN_OK), "ERLN_OK") == 0);
    CHECK(strcmp(erln_status_name(ERLN_ERR_TIMEOUT), "ERLN_ERR_TIMEOUT") == 0);
    CHECK(strcmp(erln_status_name(12345), "unknown status") == 0);
    return 0;
}
