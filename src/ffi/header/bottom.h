/* The tables for hosts that load the library at run time. Define RBTOKEN_NO_EXTENSION before
 * including this header if you use a copy of it alone. */
#ifndef RBTOKEN_NO_EXTENSION
#  include "rbtoken_extension.h"
#endif
