/* Requests as they are written, byte for byte, to a server on this machine. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* A new connection. A read that waits for longer than five seconds ends the test. */
int http_connect(unsigned port);
/* The same to another address than 127.0.0.1; -1: there is nobody. */
int http_connect_to(const char *address, unsigned port);
/* Sends what it can; the server may have closed. */
void http_send(int socket, const char *text);
/* Reads until the text has been seen (true) or the connection has ended; `into` is then a string.
 */
bool http_read(int socket, char *into, size_t room, const char *until);
/* Sends text, reads all until the server closes; returns the status, 0 where it answered nothing.
 */
int http_ask(unsigned port, const char *text, char *into, size_t room);

#endif
