/* The program's fetch, and what it leaves in a cache of the test's own. */
#ifndef FETCHING_H
#define FETCHING_H

#include <stdbool.h>
#include <stddef.h>

#include "hub_server.h"
#include "program.h"

/* In the folder of the test. */
#define NET "cache/models--me--net"
#define SNAPSHOT NET "/snapshots/" HUB_COMMIT

/* Sets a variable of the environment; NULL: it is not there. */
void hub_set(const char *name, const char *value);

/* A hub of the folder, a cache in the test's, and nothing else that the environment says. */
void hub_alone(const char *folder);
void hub_behave_well(void);

/* The name of a file's blob with an ending, as long as it is not asked again. */
const char *fetched_blob(const char *name, const char *ending);

/* Of anything in the test's folder: its size, or 0; is there something of that name, a link to
 * nowhere too? */
size_t fetched_size(const char *name);
bool fetched_any(const char *name);

/* Begins an empty cache. */
void fetched_forget(void);

/* Is a file of the snapshot a relative link to the blob that has its bytes? Or is it not there? */
void expect_fetched(const char *name, bool there);

/* Is that what a file holds? */
void expect_noted(const char *name, const char *expected);

/* Fetches under a fault, of one request for the U-Net's weights where it does not say of what. */
#define UNET "unet/diffusion_pytorch_model.safetensors"
const outcome *fetch_under(hub_fault fault);

#endif
