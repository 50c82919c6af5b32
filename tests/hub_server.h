/* A hub of the tests' own on the loopback: one repository, "me/net", of the files in a folder. It
 * misbehaves as it is told. */
#ifndef HUB_SERVER_H
#define HUB_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#define HUB_COMMIT "0123456789abcdef0123456789abcdef01234567"
#define HUB_TOKEN "hf_secret"

/* What is wrong with replies whose path holds `of` (NULL: with none): the next `times` of them. */
typedef struct hub_fault {
    const char *of;
    int times;
    int status;          /* in place of 200 */
    const char *headers; /* more of them, each with its line end */
    size_t cut;          /* the connection ends after so many bytes, but for 0 */
    int longer;          /* the length is told, and listed, as so many bytes more */
    bool flipped;        /* the last byte is another */
    bool unhashed;       /* without the headers that tell commit and hash */
    bool unlengthed;     /* without a length: what comes ends with the connection */
    int milliseconds;    /* before every 4096 bytes */
    const char *hash;    /* in place of the file's own */
    const char *commit;  /* likewise */
} hub_fault;

typedef struct hub_options {
    bool gated;       /* without HUB_TOKEN there is a refusal */
    bool elsewhere;   /* files in LFS lie on another host, where no token may come */
    bool no_ranges;   /* all of a file is sent, whatever is asked for */
    const char *list; /* in place of the list of files */
    hub_fault fault;
} hub_options;

/* Begins to serve, and says so in HF_ENDPOINT. One at a time. */
void hub_open(const char *folder);
void hub_close(void);

/* How it behaves from now on; what it has been asked for is forgotten. */
void hub_behave(const hub_options *options);

/* How often something was asked for whose request line holds the text; how many bytes of files went
 * out; how many requests had a token, at the endpoint and elsewhere. */
size_t hub_asked(const char *text);
size_t hub_sent(void);
size_t hub_tokens(bool elsewhere);

/* A file as the hub has it: its hash, its size, its bytes. */
const char *hub_hash(const char *name);
size_t hub_size(const char *name);
const unsigned char *hub_bytes(const char *name);

#endif
