/* Rule and request -> the bytes of an answer and how they are sent. */
#ifndef RESP_ANSWER_H
#define RESP_ANSWER_H

#include "resp_http.h"
#include "resp_script.h"

#include <time.h>

/* What comes after the bytes in out. */
typedef enum { MORE_NONE, MORE_FILL, MORE_CHUNKS, MORE_INFORMATION } more_e;
typedef enum { THEN_NEXT, THEN_CLOSE, THEN_RESET, THEN_HANG } then_e;

typedef struct {
    tool_buf_t out;
    size_t at_once;     /* so many bytes are not slowed down */
    size_t piece;       /* the others go in pieces of this; 0: all at once */
    long step_ms;       /* time from one piece to the next */
    more_e more;
    long left;          /* MORE_FILL: so many bytes yet */
    then_e then;
} answer_t;

/* body: the OCSP response, or empty when the rule has none. */
void resp_answer_make(answer_t *answer, const rule_t *rule,
                      const http_request_t *request, const tool_buf_t *body,
                      time_t now);

/* Puts more bytes into the empty out; 0 when there are no more. */
int resp_answer_more(answer_t *answer);

void resp_answer_free(answer_t *answer);

#endif
