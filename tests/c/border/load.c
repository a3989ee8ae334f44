// The library loaded, used and unloaded, again and again, and unloaded at last while a node of it runs. argv[1] is the library.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "erlnode.h"

#define ROUNDS 20

// A pointer to a function comes as one to an object: through memory it goes without a cast that C forbids.
static void find(void *library, const char *name, void *place) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    memcpy(place, &found, sizeof found);
}

#define FIND(name)            \
    __typeof__(&name) my_##name; \
    find(library, #name, &my_##name)

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    for (int round = 0; round < ROUNDS; round++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        FIND(erln_abi);
        FIND(erln_config_new);
        FIND(erln_config_set_cookie);
        FIND(erln_config_free);
        FIND(erln_node_start);
        FIND(erln_node_stop);
        FIND(erln_mailbox_open);
        erln_config *config = my_erln_config_new(round % 2 ? NULL : "border_load@localhost");
        erln_node node;
        erln_mailbox box;
        if (my_erln_abi() != ERLN_ABI || my_erln_config_set_cookie(config, "load") != ERLN_OK ||
            my_erln_node_start(config, &node) != ERLN_OK || my_erln_mailbox_open(node, NULL, NULL, &box) != ERLN_OK) {
            return 1;
        }
        my_erln_config_free(config);
        // The last one is left running: its threads must not lose the code under their feet.
        if (round + 1 < ROUNDS && my_erln_node_stop(node) != ERLN_OK) return 1;
        if (dlclose(library) != 0) return 1;
    }
    return 0;
}
