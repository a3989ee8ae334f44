/* Some programs include this name; everything is in ei.h. */
#include "ei.h"
