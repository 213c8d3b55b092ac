/* Nothing is included before the header. */
#include "rbtoken.h"

int header_alone(void);
int header_alone(void)
{
    return 0;
}
