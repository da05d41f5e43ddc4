/* The version of this module. */
#ifndef STAPLE_VERSION_H
#define STAPLE_VERSION_H

#define STAPLE_VERSION "0.1.0"

#endif
