/*
 * Included before everything else when `zookeeper` 7.0.0 is compiled, which does not compile for Node 26 as it is: V8 has no
 * `DEFAULT` of its own any more, and a getter of a named property is no getter of any property. It takes Nan's instead.
 * The configure script of the C client, which tries the compiler without Nan, sees an empty file.
 */
#if defined(__cplusplus) && __has_include(<nan.h>)
#include <nan.h>
using Nan::DEFAULT;
#undef NAN_PROPERTY_GETTER
#define NAN_PROPERTY_GETTER(name) NAN_GETTER(name)
#endif
