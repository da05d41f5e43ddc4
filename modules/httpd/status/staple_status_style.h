/* The status page's style sheet, which stands in the page. */
#ifndef STAPLE_STATUS_STYLE_H
#define STAPLE_STATUS_STYLE_H

/* The text between <style> and </style>. */
extern const char staple_status_style[];

#endif
