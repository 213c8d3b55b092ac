/* Nothing comes before the header. */
#include "rbtoken.h"

int header_alone(void);
int header_alone(void)
{
    return 0;
}
